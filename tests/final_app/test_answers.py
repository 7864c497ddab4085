"""The size of an answer has a limit.

What does not fit comes in the next answer, complete and in order.
"""

import functools
import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests
from flask import Flask

from final_app.chat import formatting, history, messages, rooms, search
from final_app.chat.budget import ANSWER_BYTES
from final_app.errors import NotFound
from final_app.lib import clock
from final_app.storage.models import Message, db
from tests.busy import within
from tests.final_app.conftest import People
from tests.final_app.rig import ANSWER_TIMEOUT, Person, Server

Room = Callable[..., int]
Snapshot = dict[str, Any]
ADA, BO, GENERAL = 1, 2, 1

MANY = 60  # messages of the largest kind: 1.5 MB, far more than one answer
LONGEST = 4_000  # characters
EMOJI = "\U0001f600" * LONGEST
# With formatting, a message has its characters twice: as text and as HTML. Emoji have the most bytes.
MARKED = (f"**b**{EMOJI}", f"`c`{EMOJI}", "*d*" + "& " * LONGEST)
LARGEST = [text[:LONGEST].strip() for text in MARKED]
OLD_HTML = 300_000  # bytes of a stored message, as no version has made it
ROOMS = 150  # rooms of one person, with a few messages each
TABS = 16
TRIES = 3
SHARE = 0.4  # of the time that an answer takes; without turns, others wait for most of it
PROMPT = 1.0  # seconds until somebody else is answered
NASTY = [
    *LARGEST, EMOJI, "a.co " * (LONGEST // 5), "& " * (LONGEST // 2), "&" * LONGEST,
    "&a" * 2000, "&#" * 2000, "<" * LONGEST, "<\n" * 2000, "a\n" * 2000,
    "@bo " * 1000, "**&** " * 666, "- &\n" * 1000, "> &\n" * 1000, "http://a.co/?a&b " * 235,
]  # fmt: skip


@pytest.fixture(scope="module")
def talk(people: People) -> tuple[int, list[Snapshot]]:
    """A room, and the largest possible messages, which Ada has sent there."""
    ada = people["ada"]
    room = ada.ask("POST", "/rooms", {"name": "Large", "kind": "closed"})["room"]["id"]
    ada.ask("PUT", f"/rooms/{room}/members/{people['bo'].id}")
    return room, [
        ada.say(room, f"{number} {text}"[:LONGEST])["message"]
        for number, text in zip(range(MANY), LARGEST * MANY, strict=False)
    ]


def size(answer: object) -> int:
    """Return the size of an answer in bytes, as both libraries send it."""
    return len(json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode())


def synced(who: Person, revs: dict[int, int]) -> tuple[dict[int, list[Snapshot]], list[int]]:
    """Send `sync` until there is no more. Return the changes by room, and all sizes."""
    changes: dict[int, list[Snapshot]] = {room: [] for room in revs}
    sizes = []
    while revs:
        answer = who.emit("sync", {"rooms": {str(room): rev for room, rev in revs.items()}})
        sizes.append(size(answer))
        found = {int(room): each for room, each in answer["rooms"].items()}
        for room, each in found.items():
            assert not each["reset"]
            changes[room] += each["changes"]
        going_on = {room: each["last_rev"] for room, each in found.items() if each["more"]}
        assert going_on != revs, "the answer brought nothing"
        revs = going_on
    return changes, sizes


# ---- sync


def test_sync_brings_everything_in_order_in_answers_with_a_bound(
    people: People, talk: tuple[int, list[Snapshot]]
) -> None:
    room, said = talk
    changes, sizes = synced(people["bo"], {room: 0})
    assert changes[room] == said
    assert max(sizes) <= ANSWER_BYTES and len(sizes) > 5
    assert len(sizes) < MANY  # several messages at once, where they fit


def test_an_edit_during_a_long_sync_is_neither_lost_nor_told_as_it_was(
    people: People, room: Room
) -> None:
    ada, bo, here = people["ada"], people["bo"], room("Edited meanwhile", "bo")
    said = [ada.say(here, f"{number} {LARGEST[0]}"[:LONGEST])["message"] for number in range(12)]
    first = bo.emit("sync", {"rooms": {str(here): 0}})["rooms"][str(here)]
    assert first["more"] and first["last_rev"] == first["changes"][-1]["rev"]
    edited = ada.emit("edit_message", {"id": said[10]["id"], "text": "Short"})["message"]
    rest, _ = synced(bo, {here: first["last_rev"]})
    assert first["changes"] + rest[here] == [*said[:10], said[11], edited]


def test_sync_of_many_rooms_has_the_same_bound(people: People, room: Room) -> None:
    ada, bo = people["ada"], people["bo"]
    said: dict[int, list[Snapshot]] = {}
    for number in range(12):
        place = room(f"One of many {number}", "bo")
        said[place] = [ada.say(place, LARGEST[0])["message"], ada.say(place, "And on")["message"]]
    changes, sizes = synced(bo, dict.fromkeys(said, 0))
    assert changes == said
    assert max(sizes) <= ANSWER_BYTES and len(sizes) > 1


def test_a_message_that_is_larger_than_an_answer_still_arrives(
    people: People, room: Room, server: Server
) -> None:
    ada, here = people["ada"], room("Stored long ago")
    said = [ada.say(here, f"needle {number}")["message"] for number in range(3)]
    _store_html(server, said[1]["id"], "x" * OLD_HTML)
    changes, sizes = synced(ada, {here: 0})
    assert [len(each.get("html", "")) for each in changes[here]] == [0, OLD_HTML, 0]
    assert len(sizes) == 3 and sum(each > ANSWER_BYTES for each in sizes) == 1
    assert [each["seq"] for each in ada.history(here)] == [1, 2, 3]
    pages = _found(ada, "needle", here)
    assert [each["message"]["seq"] for page in pages for each in page["results"]] == [3, 2, 1]


# ---- history and search


def test_history_has_the_same_bound_in_every_direction(
    people: People, talk: tuple[int, list[Snapshot]]
) -> None:
    bo, (room, said) = people["bo"], talk
    path = f"/api/rooms/{room}/messages?limit=100"
    back = [bo.ask("GET", path)]
    while not back[-1]["first"]:
        back.append(bo.ask("GET", f"{path}&before={back[-1]['messages'][0]['seq']}"))
    on = [bo.ask("GET", f"{path}&after=0")]
    while not on[-1]["last"]:
        on.append(bo.ask("GET", f"{path}&after={on[-1]['messages'][-1]['seq']}"))
    assert [each for page in reversed(back) for each in page["messages"]] == said
    assert [each for page in on for each in page["messages"]] == said
    assert max(map(size, back + on)) <= ANSWER_BYTES


def test_a_page_around_a_message_has_it_and_both_neighbours(
    people: People, talk: tuple[int, list[Snapshot]]
) -> None:
    room, _ = talk
    path = f"/api/rooms/{room}/messages?limit=100&around="
    for seq in (1, MANY // 2, MANY):
        page = people["bo"].ask("GET", f"{path}{seq}")
        found = [each["seq"] for each in page["messages"]]
        assert found == list(range(found[0], found[-1] + 1))
        assert {max(seq - 1, 1), seq, min(seq + 1, MANY)} <= {*found}
        assert (page["first"], page["last"]) == (found[0] == 1, found[-1] == MANY)
        assert size(page) <= ANSWER_BYTES


def test_search_has_the_same_bound_and_goes_on(people: People, room: Room) -> None:
    ada, here = people["ada"], room("Searched")
    for number in range(12):
        ada.say(here, f"gecko {number} {LARGEST[0]}"[:LONGEST])
    pages = _found(ada, "gecko", here)
    assert [each["message"]["seq"] for page in pages for each in page["results"]] == [
        *range(12, 0, -1)
    ]
    assert max(map(size, pages)) <= ANSWER_BYTES and len(pages) > 1


# ---- the HTML of a message


@pytest.mark.parametrize("text", NASTY, ids=lambda text: text[:6])
def test_the_html_of_a_message_has_a_bound_and_shows_all_of_its_text(text: str) -> None:
    html = formatting.render(text[:LONGEST].strip(), ["bo"]).html
    assert len(html.encode()) <= formatting.MOST_HTML
    if html == formatting._as_typed(text[:LONGEST].strip()):
        assert formatting.plain(html) == text[:LONGEST].strip()
        assert "<a" not in html


def test_a_message_of_660_links_is_accepted_and_shown_as_typed(people: People, room: Room) -> None:
    here = room("Links")
    text = "\n".join(["a.co/ b.co/"] * 330)
    said = people["ada"].say(here, text)["message"]
    assert said["text"] == text
    assert said["html"] == "<p>" + "<br>".join(text.splitlines()) + "</p>"  # without the links
    answer = people["ada"].say(here, "So?", reply_to=said["id"])["message"]
    assert answer["reply_to"]["text"] == text[: messages.EXCERPT]
    edited = people["ada"].emit("edit_message", {"id": said["id"], "text": "a.co/"})["message"]
    assert edited["html"].startswith('<p><a href="http://a.co/"')


def test_a_hundred_links_are_still_links() -> None:
    html = formatting.render(" ".join(["https://example.org/a/page"] * 100), []).html
    assert html.count("<a ") == 100


def test_what_is_shown_as_typed_is_no_markup() -> None:
    tricks = "<script>alert(1)</script> &lt;b&gt; &amp; &#60;i> <!-- " + "a.co/ " * 300
    html = formatting.render((tricks * 70)[:LONGEST].strip(), []).html
    assert html.startswith(
        "<p>&lt;script>alert(1)&lt;/script> &amp;lt;b&amp;gt; &amp;amp; &amp;#60;i>"
    )
    assert html.count("<") == 2 and html.endswith("</p>")


# ---- what happens between two slices of an answer


@pytest.fixture
def meanwhile(
    two_people: Flask, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], object]], None]:
    """Return a function that does something in the first pause in which an answer lets others run."""

    def arrange(act: Callable[[], object]) -> None:
        def in_context() -> None:
            with two_people.app_context():
                act()

        def pause(_: float) -> None:
            monkeypatch.undo()
            other = threading.Thread(target=in_context)
            other.start()
            other.join()

        monkeypatch.setattr(clock, "pause", pause)

    for number in range(3 * history.SLICE):
        messages.post(ADA, GENERAL, str(uuid.uuid4()), f"message {number}")
    return arrange


def test_edits_between_two_slices_lose_no_message_and_no_change(
    meanwhile: Callable[[Callable[[], object]], None],
) -> None:
    read, unread = 1, 2 * history.SLICE  # ids of messages in the first slice and in a later one

    def edit() -> None:
        for message_id in (read, unread):
            messages.edit(ADA, message_id, "changed")

    kept = db.session.get(Message, read)  # as something else in the same request may keep it
    meanwhile(edit)
    found = history.missed(BO, {GENERAL: 0})[str(GENERAL)]
    assert kept
    revs = [each["rev"] for each in found["changes"]]
    assert revs == sorted({*revs})
    newest = {each["id"]: each for each in found["changes"]}
    stored = history.page(BO, GENERAL, after=0, limit=100)["messages"]
    assert len(stored) == len(newest)
    assert [newest[each["id"]] for each in stored] == stored
    assert found["last_rev"] == revs[-1] == 3 * history.SLICE + 2


@pytest.mark.parametrize("ask", ["sync", "page", "search"])
def test_whoever_is_removed_between_two_slices_receives_nothing(
    meanwhile: Callable[[Callable[[], object]], None], ask: str
) -> None:
    meanwhile(lambda: rooms.remove_member(ADA, GENERAL, BO))
    if ask == "sync":
        assert history.missed(BO, {GENERAL: 0}) == {}
    elif ask == "search":
        assert search.find(BO, "message", room_id=None, before=None)["results"] == []
    else:
        with pytest.raises(NotFound):
            history.page(BO, GENERAL)


def test_what_is_deleted_between_two_slices_is_no_result(
    meanwhile: Callable[[Callable[[], object]], None],
) -> None:
    found = search.find(BO, "message", room_id=None, before=None)["results"]
    meanwhile(lambda: messages.delete(ADA, found[-1]["message"]["id"]))
    again = search.find(BO, "message", room_id=None, before=None)
    assert again == {"results": found[:-1], "more": True}


# ---- others meanwhile


def test_nobody_waits_while_tabs_sync_large_messages(
    people: People, room: Room, server: Server
) -> None:
    """The messages are as an earlier version stored them: 200 of them, each with 60 kB of HTML."""
    here = room("Loud", "bo")
    for number in range(history.SYNC_MOST):
        people["ada"].say(here, f"message {number}")
    _store_html(server, None, "<p>" + "<a>a.co</a> " * 5_000 + "</p>", room=here)
    tabs = [people["bo"].tab() for _ in range(TABS)]

    def sync(tab: Person) -> None:
        tab.emit("sync", {"rooms": {str(here): 0}})

    worst = _worst_answer(server, *[functools.partial(sync, tab) for tab in tabs])
    print(f"/healthz waits at most {worst:.3f} s")
    for tab in tabs:
        tab.leave()
    assert within(worst, PROMPT)


def test_nobody_waits_while_somebody_syncs_many_rooms(people: People, server: Server) -> None:
    ada = people["ada"]
    rooms = [
        ada.ask("POST", "/rooms", {"name": f"Room {number} of many", "kind": "closed"})["room"][
            "id"
        ]
        for number in range(ROOMS)
    ]
    for place in rooms:
        ada.say(place, "Hello")
    shares = []
    for _ in range(TRIES):  # somebody else may need the processor, too
        began = time.monotonic()
        worst = _worst_answer(server, lambda: synced(ada, dict.fromkeys(rooms, 0)))
        shares.append(worst / (time.monotonic() - began))
    print(f"/healthz waits for {shares} of the time that the answer takes")
    assert min(shares) < SHARE


def _found(who: Person, word: str, room: int) -> list[dict[str, Any]]:
    """Return all pages of results."""
    path = f"/api/search?q={word}&room={room}&limit=50"
    pages = [who.ask("GET", path)]
    while pages[-1]["more"]:
        last = pages[-1]["results"][-1]["message"]["id"]
        pages.append(who.ask("GET", f"{path}&before={last}"))
    return pages


def _store_html(server: Server, message: int | None, html: str, room: int = 0) -> None:
    """Store HTML of any size, as another version may have done."""
    server.sql(
        "UPDATE messages SET html = :html WHERE id = :message OR room_id = :room",
        {"html": html, "message": message, "room": room},
    )


def _worst_answer(server: Server, *works: Callable[[], object]) -> float:
    """Return the longest time that /healthz takes while all of these actions run at once."""
    workers = [threading.Thread(target=work) for work in works]
    session, worst = requests.Session(), 0.0
    session.trust_env = False
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        began = time.monotonic()
        assert session.get(f"{server.url}/healthz", timeout=ANSWER_TIMEOUT).ok
        worst = max(worst, time.monotonic() - began)
    return worst
