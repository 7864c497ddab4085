"""A message is stored once, in order, and reaches the people in the room and nobody else."""

import uuid
from collections.abc import Callable

import pytest
from flask import Flask

from final_app.accounts import accounts
from final_app.chat import messages, reactions, rooms
from final_app.errors import Forbidden, NotFound
from tests.final_app.conftest import People


def test_a_message_reaches_everybody_once_and_is_acknowledged(people: People, general: int) -> None:
    ada, bo = people["ada"], people["bo"]
    bo.heard()
    answer = ada.say(general, "Hello, *everyone*")
    assert answer["ok"] and not answer["duplicate"]
    told = bo.hear("new_message")
    assert told == answer["message"]
    assert told["html"] == "<p>Hello, <em>everyone</em></p>"


def test_the_author_comes_from_the_log_in(people: People, general: int) -> None:
    answer = people["bo"].say(general, "I am Ada", author={"username": "ada"})
    assert answer["error"]["code"] == "invalid"
    assert people["bo"].say(general, "I am Bo")["message"]["author"] == {
        "id": people["bo"].id,
        "name": "bo",
    }


def test_a_repeated_send_is_one_message(people: People, room: Callable[..., int]) -> None:
    ada, bo = people["ada"], people["bo"]
    here, same = room("Echo", "bo"), str(uuid.uuid4())
    first = ada.say(here, "Once", client_id=same)
    second = ada.say(here, "Twice", client_id=same)
    assert second["duplicate"] and second["message"] == first["message"]
    last = ada.say(here, "And on")
    assert last["message"]["seq"] == first["message"]["seq"] + 1
    told = [bo.hear("new_message")]
    while told[-1] != last["message"]:
        told.append(bo.hear("new_message"))
    assert [m for m in told if m["room"] == here] == [first["message"], last["message"]]


def test_a_repetition_finds_its_message_in_a_room_that_was_archived_since(
    people: People, room: Callable[..., int]
) -> None:
    ada = people["ada"]
    here, same = room("Closing soon"), str(uuid.uuid4())
    first = ada.say(here, "Stored", client_id=same)["message"]
    ada.ask("DELETE", f"/rooms/{here}")
    assert ada.say(here, "Stored", client_id=same)["message"] == first
    assert ada.say(here, "Something new")["error"]["code"] == "forbidden"


def test_who_is_not_in_a_room_hears_nothing_and_may_nothing(
    people: People, room: Callable[..., int]
) -> None:
    ada, bo, cy = people["ada"], people["bo"], people["cy"]
    secret = room("Secret", "bo")
    cy.heard()
    said = ada.say(secret, "Only for us")["message"]
    assert bo.hear("new_message") == said
    refused = [
        cy.say(secret, "Let me in"),
        cy.emit("edit_message", {"id": said["id"], "text": "Ha"}),
        cy.emit("delete_message", {"id": said["id"]}),
        cy.emit("mark_read", {"room": secret, "seq": 1}),
        cy.emit("typing", {"room": secret, "on": True}),
        cy.ask("GET", f"/api/rooms/{secret}/messages"),
        cy.ask("GET", f"/api/rooms/{secret}/members"),
    ]
    assert [answer["error"]["code"] for answer in refused] == ["not_found"] * len(refused)
    assert cy.emit("sync", {"rooms": {str(secret): 0}})["rooms"] == {}
    assert _messages(cy.heard()) == []


def test_who_is_not_in_a_room_does_not_learn_which_messages_are_there(
    people: People, room: Callable[..., int]
) -> None:
    ada, cy = people["ada"], people["cy"]
    secret = room("Whispers")
    there, deleted = (ada.say(secret, text)["message"]["id"] for text in ("Psst", "Forget it"))
    assert ada.emit("delete_message", {"id": deleted})["ok"]
    for event, more in (
        ("react", {"emoji": "👍", "on": True}), ("edit_message", {"text": "Ha"}), ("delete_message", {})
    ):  # fmt: skip
        answers = [cy.emit(event, {"id": id_} | more) for id_ in (there, deleted, 10**9)]
        assert answers[0]["error"]["code"] == "not_found"
        assert answers == answers[:1] * 3


def test_only_its_author_changes_a_message(people: People, general: int) -> None:
    ada, bo = people["ada"], people["bo"]
    said = ada.say(general, "Frist")["message"]
    assert bo.emit("edit_message", {"id": said["id"], "text": "x"})["error"]["code"] == "forbidden"
    assert bo.emit("delete_message", {"id": said["id"]})["error"]["code"] == "forbidden"
    edited = ada.emit("edit_message", {"id": said["id"], "text": "First"})["message"]
    assert (edited["seq"], edited["text"]) == (said["seq"], "First")
    assert edited["rev"] > said["rev"] and edited["edited_at"]
    assert bo.hear("message_changed") == edited


def test_a_deleted_message_leaves_an_empty_place(people: People, general: int) -> None:
    ada, bo = people["ada"], people["bo"]
    said = ada.say(general, "Forget this")["message"]
    gone = ada.emit("delete_message", {"id": said["id"]})["message"]
    assert gone["deleted"] and not {"text", "html"} & gone.keys()
    assert bo.hear("message_changed") == gone
    assert "Forget this" not in str(bo.history(general))
    again = ada.emit("edit_message", {"id": said["id"], "text": "Back"})
    assert again["error"]["code"] == "not_found"


def test_sync_tells_exactly_what_was_missed(people: People, general: int) -> None:
    ada, bo = people["ada"], people["bo"]
    kept, changed, gone = (ada.say(general, text)["message"] for text in ("one", "two", "three"))
    cursor = {"rooms": {str(general): gone["rev"]}}
    edited = ada.emit("edit_message", {"id": changed["id"], "text": "TWO"})["message"]
    deleted = ada.emit("delete_message", {"id": gone["id"]})["message"]
    new = ada.say(general, "four")["message"]
    answer = bo.emit("sync", cursor)["rooms"][str(general)]
    assert answer["changes"] == [edited, deleted, new]
    assert answer["last_rev"] == new["rev"] and not answer["reset"]
    assert kept["id"] not in [each["id"] for each in answer["changes"]]


def test_who_missed_too_much_is_told_to_reload(people: People, room: Callable[..., int]) -> None:
    busy = room("Busy", "bo")
    for number in range(201):
        people["ada"].say(busy, f"message {number}")
    answer = people["bo"].emit("sync", {"rooms": {str(busy): 0}})["rooms"][str(busy)]
    assert answer["reset"] and answer["changes"] == []
    answer = people["bo"].emit("sync", {"rooms": {str(busy): 1}})["rooms"][str(busy)]
    assert len(answer["changes"]) == 200 and not answer["reset"]


def test_history_comes_by_page_and_by_jump(people: People, room: Callable[..., int]) -> None:
    ada = people["ada"]
    long = room("Long")
    for number in range(1, 31):
        ada.say(long, f"message {number}")
    ask = f"/api/rooms/{long}/messages"
    newest = ada.ask("GET", f"{ask}?limit=10")
    assert [m["seq"] for m in newest["messages"]] == list(range(21, 31))
    assert (newest["first"], newest["last"]) == (False, True)
    before = ada.ask("GET", f"{ask}?before=21&limit=10")
    assert [m["seq"] for m in before["messages"]] == list(range(11, 21))
    around = ada.ask("GET", f"{ask}?around=15&limit=10")
    assert [m["seq"] for m in around["messages"]] == list(range(11, 21))
    oldest = ada.ask("GET", f"{ask}?before=6")
    assert oldest["first"] and [m["seq"] for m in oldest["messages"]] == [1, 2, 3, 4, 5]
    assert ada.ask("GET", f"{ask}?before=x")["error"]["field"] == "before"
    for empty, reaches in (("before=1", (True, False)), ("after=30", (False, True))):
        page = ada.ask("GET", f"{ask}?{empty}")
        assert page["messages"] == [] and (page["first"], page["last"]) == reaches
    quiet = ada.ask("GET", f"/api/rooms/{room('Quiet')}/messages")
    assert quiet["messages"] == [] and (quiet["first"], quiet["last"]) == (True, True)


def test_a_reply_shows_what_it_answers(people: People, room: Callable[..., int]) -> None:
    ada, bo = people["ada"], people["bo"]
    here, elsewhere = room("Here", "bo"), room("Elsewhere")
    question = bo.say(here, "Tea or coffee?")["message"]
    answer = ada.say(here, "Tea", reply_to=question["id"])["message"]
    assert answer["reply_to"]["text"] == "Tea or coffee?"
    assert answer["reply_to"]["author"] == "bo"
    outside = ada.say(elsewhere, "Tea", reply_to=question["id"])
    assert outside["error"]["field"] == "reply_to"


def test_a_quote_shows_what_one_reads_and_not_its_marks(
    people: People, room: Callable[..., int]
) -> None:
    here = room("Marks", "bo")
    for said, quoted in (
        ("**Tea** or _coffee_?", "Tea or coffee?"),
        ("`main`, since\n\n```python\nprint(1 < 2)\n```", "main, since\nprint(1 < 2)"),
        ("- [here](https://example.org/a?b&c)\n- ~~there~~", "here\nthere"),
        ("2 * 3 * 4 in snake_case_word", "2 * 3 * 4 in snake_case_word"),  # no marks at all
        ("<b>1</b> &lt; \\*2\\* & @bo", "<b>1</b> &lt; *2* & @bo"),
        ("**" + "x" * 300 + "**", "x" * messages.EXCERPT),
    ):
        first = people["ada"].say(here, said)["message"]
        assert first["text"] == said
        answer = people["bo"].say(here, "So?", reply_to=first["id"])["message"]
        assert answer["reply_to"]["text"] == quoted


def test_what_looks_like_html_is_shown_as_it_was_typed(people: People, general: int) -> None:
    said = people["ada"].say(general, "<b>1</b> &lt;b&gt; &amp; `<i>`")["message"]
    shown = "&lt;b&gt;1&lt;/b&gt; &amp;lt;b&amp;gt; &amp;amp; <code>&lt;i&gt;</code>"
    assert said["html"] == f"<p>{shown}</p>"


def test_a_name_with_at_is_a_mention_only_for_who_is_there(
    people: People, room: Callable[..., int]
) -> None:
    here = room("Mentions", "bo")
    said = people["ada"].say(here, "@bo and @cy, `@bo` too")["message"]
    assert '<span class="mention">@bo</span> and @cy' in said["html"]
    assert "<code>@bo</code>" in said["html"]
    assert len(said["mentions"]) == 1
    (seen,) = [r for r in people["bo"].connect()["rooms"] if r["id"] == here]
    assert (seen["unread"], seen["mentions"]) == (1, 1)


def test_a_name_in_code_or_in_a_link_is_no_mention(
    people: People, room: Callable[..., int]
) -> None:
    ada, bo = people["ada"], people["bo"]
    here = room("Quotations", "bo")
    for text in (
        "`@bo`", "```\n@bo\n```", "https://example.org/@bo/story", "example.org/@bo",
        "[the story of @bo](https://example.org)",
    ):  # fmt: skip
        said = ada.say(here, text)["message"]
        assert "mentions" not in said and "mention" not in said["html"], text
    for text in ("https://example.org/@bo by @bo", "`@bo`, @BO?", "[a](https://b.org)@bo"):
        assert ada.say(here, text)["message"]["mentions"] == [bo.id], text
    edited = ada.emit("edit_message", {"id": said["id"], "text": "`@bo`"})["message"]
    assert "mentions" not in edited


def test_a_message_that_is_too_long_to_be_formatted_mentions_people_all_the_same(
    people: People, room: Callable[..., int]
) -> None:
    here = room("Longest", "bo")
    said = people["ada"].say(here, "@bo " + "a.co/ " * 600)["message"]
    assert "html" not in said and said["mentions"] == [people["bo"].id]


def test_who_repeats_a_message_after_leaving_learns_nothing_new(
    people: People, room: Callable[..., int]
) -> None:
    ada, bo = people["ada"], people["bo"]
    here = room("Repeated", "bo")
    question = ada.say(here, "Tea?")["message"]
    client_id = str(uuid.uuid4())
    sent = bo.say(here, "Yes", client_id=client_id, reply_to=question["id"])["message"]
    assert sent["reply_to"]["text"] == "Tea?"
    assert ada.ask("DELETE", f"/rooms/{here}/members/{bo.id}")["ok"]
    assert ada.emit("edit_message", {"id": question["id"], "text": "A secret"})["ok"]
    assert ada.emit("react", {"id": sent["id"], "emoji": "👍", "on": True})["ok"]
    again = bo.say(here, "Yes", client_id=client_id, reply_to=question["id"])
    assert again["ok"] and again["message"]["text"] == "Yes"
    assert again["message"].keys() == sent.keys() - {"reply_to"}


def test_who_is_banned_while_a_message_waits_neither_sends_nor_changes_it(
    two_people: Flask,
) -> None:
    """A ban leaves direct rooms as they are, so that the other person can still read them."""
    here = rooms.direct(1, 2)
    said = messages.post(2, here, str(uuid.uuid4()), "Hello").message["id"]
    accounts.deactivate(2, "banned")
    for act in (
        lambda: messages.post(2, here, str(uuid.uuid4()), "Hello again"),
        lambda: messages.edit(2, said, "Something else"),
        lambda: messages.delete(2, said),
        lambda: reactions.react(2, said, "👍", True),
        lambda: rooms.direct(2, 1),
    ):
        with pytest.raises(NotFound):
            act()


def test_nobody_writes_to_somebody_who_can_no_longer_read(two_people: Flask) -> None:
    """The message would be stored, and would look as if it had arrived."""
    here, answer = rooms.direct(1, 2), str(uuid.uuid4())
    posted = messages.post(1, here, answer, "Hello").message
    for status in ("banned", "deleted"):
        accounts.deactivate(2, status)
        with pytest.raises(Forbidden, match="can no longer read messages here"):
            messages.post(1, here, str(uuid.uuid4()), "Are you there?")
        assert messages.post(1, here, answer, "Hello").duplicate
        assert messages.post(1, 1, str(uuid.uuid4()), "Hello, everybody").message["id"]
        if status == "banned":
            accounts.unban(2)
            assert messages.post(1, here, str(uuid.uuid4()), "Welcome back").message["id"]
    assert messages.delete(1, posted["id"])["deleted"]


def _messages(heard: list) -> list:
    return [(event, data) for event, data in heard if event == "new_message"]
