"""Step 06: a message is checked, a refusal is an answer, the author is who connected."""

from workshop.checks.client import entered, message_in, turned_away
from workshop.checks.families import family_of
from workshop.checks.promise import Broken, attempted, exercise, expect, promise
from workshop.checks.sources import returned_error
from workshop.checks.visitors import visitors
from workshop.stages import Stage

LONGEST_NAME = 40  # characters
MANY = 10  # messages that one connection may send in ten seconds


@promise(since="messages", final_app=True)
def the_acknowledgement_carries_the_message(chat: Stage) -> None:
    """The acknowledgement carries the message as it was accepted."""
    with entered(chat, "Ada") as (ada,):
        message = ada.said("Hello")
    expect(message.get("text") == "Hello",
           '`message` in the acknowledgement has the text that was sent, "Hello".', f"{message!r}",
           "Build the message once, and use it twice: for `emit` and for the answer.")  # fmt: skip


@promise(since="messages", final_app=True)
def everyone_hears_what_was_acknowledged(chat: Stage) -> None:
    """Everyone receives the same object as the one that is acknowledged."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        acknowledged = ada.said("Hello")
        seen = message_in(bo.hear("new_message"))
    expect(seen == acknowledged, f"Bo receives {acknowledged!r}, as it was acknowledged to Ada.",
           f"{seen!r}",
           "Build the message once, and use it twice: `emit` it, then return it.")  # fmt: skip


@promise(since="messages", final_app=True)
def what_is_no_text_is_refused(chat: Stage) -> None:
    """What is no text is refused, with the reason: `invalid`, and the field."""
    with entered(chat, "Ada") as (ada,):
        whole = ada.payload("Hello")
        without = {key: value for key, value in whole.items() if key != "text"}
        for data, field in (("Hello", ""), (without, "text"), (whole | {"text": 7}, "text")):
            ada.refused("new_message", data,
                        "Whoever can connect can send anything. Ask first: "
                        '`isinstance(payload, dict)`, then `isinstance(payload.get("text"), str)`.',
                        field=field)  # fmt: skip


@promise(since="messages", final_app=True)
def a_message_of_blanks_is_refused(chat: Stage) -> None:
    """A message without anything but blanks is refused."""
    with entered(chat, "Ada") as (ada,):
        for text in ("", " \n\t "):
            ada.refused("new_message", ada.payload(text),
                        "A text of blanks is not empty for Python: ask for `text.strip()`.",
                        field="text")  # fmt: skip


@promise(since="messages", final_app=True)
def half_a_character_is_refused(chat: Stage) -> None:
    """Half a character, which no database can store, is refused."""
    with entered(chat, "Ada") as (ada,):
        ada.refused(
            "new_message", ada.payload("half: \ud83d"),
            "Python takes half of an emoji for text, and the database does not: ask whether "
            '`text.encode(errors="ignore").decode()` is still the same text.', field="text",
        )  # fmt: skip


@promise(since="messages", final_app=True)
def a_long_message_is_refused(chat: Stage) -> None:
    """A message may be as long as the limit says, and not one character longer."""
    longest = family_of(chat).longest
    with entered(chat, "Ada") as (ada,):
        answer = ada.say("a" * longest)
        expect(isinstance(answer, dict) and answer.get("ok"),
               f"A message of exactly {longest} characters is accepted.", f"{answer!r}",
               f"Refuse with `len(text) > {longest}`: `>=` would refuse the longest "
               "allowed.")  # fmt: skip
        ada.refused("new_message", ada.payload("a" * (longest + 1)),
                    "`maxlength` in the page binds nobody who writes from Python: ask for "
                    f"`len(text) > {longest}` in the server.", field="text")  # fmt: skip


@promise(since="messages", final_app=True)
def a_refusal_costs_nothing_else(chat: Stage) -> None:
    """What is refused reaches nobody, and the next good message still arrives."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        for text in (" ", "a" * 5000):
            ada.say(text)
        ada.said("Still here")
        texts = bo.texts()
    expect(texts == ["Still here"],
           "Of two refused messages and a good one, Bo receives the good one.",
           f"{[str(text)[:20] for text in texts]}",
           "Check first, `emit` afterwards: a refusal must leave the function before it."
           if len(texts) > 1 else
           "After a refusal the connection goes on: answer, and do not disconnect.")  # fmt: skip


@promise(since="messages", final_app=True)
def nobody_writes_in_another_name(chat: Stage) -> None:
    """The author is who connected, whatever name a message gives."""
    family = family_of(chat)
    with entered(chat, "Ada", "Bo") as (ada, bo):
        answer = ada.say("I owe you a cake", username="Bo", author="Bo")
        plain = ada.said("Hello")
        told = bo.messages()
    accepted = answer.get("message") if isinstance(answer, dict) else None
    for message in (*told, plain, *([accepted] if isinstance(accepted, dict) else [])):
        author = family.author(message)
        expect(author == family.named("Ada"),
               "What Ada sends carries the name Ada, also when she writes another one in.",
               f"the author is {author!r} in {message!r}",
               "What a message says of its author, anybody can write. Take the name from the "
               "connection: what `connect` kept for `request.sid`, or the account.")  # fmt: skip


@promise(since="messages", extra=True)
def too_many_messages_are_refused(chat: Stage) -> None:
    """Who sends more than ten messages in ten seconds is told how long to wait (extra)."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        for number in range(1, MANY + 1):
            ada.said(f"message {number}")
        answer = ada.say("one too many")
        attempted(not isinstance(answer, dict) or not answer.get("ok"),
                  "The eleventh message within ten seconds is refused.", "it is accepted",
                  "This is an extra: keep, per connection, when it sent.")  # fmt: skip
        ada.refused("new_message", ada.payload("again"),
                    "The code of this refusal is `rate_limited`.", code="rate_limited")  # fmt: skip
        expect(len(bo.texts()) == MANY, f"Bo receives the {MANY} messages that were accepted.",
               f"he receives {len(bo.texts())}",
               "Count before `emit`: a refusal must leave the function before it.")  # fmt: skip
        error = answer.get("error", {}) if isinstance(answer, dict) else {}
        wait = error.get("retry_after")
        expect(isinstance(wait, int | float) and 0 < wait <= 10,
               "`retry_after` says after how many seconds to try again.", f"{error!r}",
               "It is a number: what is left of the ten seconds of the oldest message.")  # fmt: skip
        bo.said("I have only begun")


@promise(since="messages", until="history")
def a_connection_needs_a_name(chat: Stage) -> None:
    """Who connects without a name, or with one that is too long, is refused with the reason."""
    for name in (None, "", "   ", "A" * (LONGEST_NAME + 1)):
        refusal = turned_away(chat, name)
        if refusal is None:
            raise Broken(f"A connection with the name {name!r} is refused.", "it is let in",
                         returned_error(chat) or "In the handler of `connect`: `auth` may be None "
                         "or anything else. Ask for `1 <= len(username.strip()) <= "
                         f"{LONGEST_NAME}`.")  # fmt: skip
        _has_code(refusal.code, str(refusal), "invalid", f"with the name {name!r}")
    expect(not turned_away(chat, "A" * LONGEST_NAME),
           f"A name of {LONGEST_NAME} characters is let in.", "it is refused",
           f"{LONGEST_NAME} is the longest allowed: refuse what is longer.")  # fmt: skip


@promise(since="messages", until="history")
def blanks_around_a_name_do_not_count(chat: Stage) -> None:
    """Blanks around a name are taken away."""
    with entered(chat, "  Ada ") as (ada,):
        author = ada.said("Hello").get("username")
    expect(author == "Ada", "Who connects as “  Ada ” is called “Ada”.",
           f"the author is {author!r}",
           "`.strip()` takes the blanks away: keep the name it gives. Otherwise two people look "
           "the same.")  # fmt: skip


@promise(since="messages", until="history")
def a_taken_name_is_refused(chat: Stage) -> None:
    """A name that somebody is connected with is refused, in capitals, too."""
    with entered(chat, "Ada"):
        for name in ("Ada", "ADA"):
            refusal = turned_away(chat, name)
            if refusal is None:
                raise Broken(
                    f"While Ada is here, another connection as {name!r} is refused.", "both are in",
                    "Compare with the names of those who are here: keep each when it connects."
                    if name == "Ada" else
                    "Compare without regard to capitals: `.casefold()` on both sides.",
                )  # fmt: skip
            _has_code(refusal.code, str(refusal), "conflict", f"as {name!r}, who is here already,")


@promise(since="messages", until="history")
def a_name_is_free_again(chat: Stage) -> None:
    """A name is free again when its connection ends."""
    for _ in range(2):
        with entered(chat, "Ada"):  # `entered` says what is wrong when she cannot come again
            pass


def _has_code(seen: str, message: str, wanted: str, who: str) -> None:
    if seen == wanted and message:
        return
    raise Broken(
        f"A connection {who} is refused with a sentence and the code `{wanted}`.",
        f"the code {seen!r} and the sentence “{message}”",
        "Raise what flask_socketio calls ConnectionRefusedError (Python has one of its own: "
        f'import it): `raise ConnectionRefusedError("…", {{"code": "{wanted}"}})`.',
    )  # fmt: skip


@exercise("messages")
def who_joins_is_announced(chat: Stage) -> None:
    """When somebody joins, everyone else hears who, and the page shows it."""
    with entered(chat, "Ada") as (ada,), entered(chat, "Bo") as (bo,):
        by_ada, by_bo = ada.told("joined"), bo.told("joined")
    attempted(by_ada or by_bo, "Ada receives the event `joined` when Bo connects.", "she does not",
              '`emit("joined", …)` at the end of the handler of `connect`.')  # fmt: skip
    expect(by_ada == [{"username": "Bo"}], 'Ada receives `joined` with {"username": "Bo"}, once.',
           f"{by_ada}",
           '`emit("joined", {"username": username}, broadcast=True, include_self=False)`.')  # fmt: skip
    expect(not by_bo, "Bo does not hear that he has joined: he knows.", f"{by_bo}",
           "`include_self=False`, beside `broadcast=True`.")  # fmt: skip
    with visitors(chat, "Ada") as (page,), entered(chat, "Dora"):
        page.did = "Dora opened the chat."
        page.expects(lambda: "Dora" in page.text, "Ada's page shows that Dora has joined.",
                     '`socket.on("joined", (person) => …)`: make an element, set its '
                     "`textContent`, and append it.", "Nothing changed.")  # fmt: skip
