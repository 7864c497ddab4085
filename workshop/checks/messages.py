"""Step 06: the server checks messages, answers refusals, and knows the author from the connection."""

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
    """The acknowledgement contains the message that the server accepted."""
    with entered(chat, "Ada") as (ada,):
        message = ada.said("Hello")
    expect(message.get("text") == "Hello",
           '`message` in the acknowledgement has the text that was sent, "Hello".', f"{message!r}",
           "Build the message once, and use it twice: for `emit` and for the answer.")  # fmt: skip


@promise(since="messages", final_app=True)
def everyone_receives_what_was_acknowledged(chat: Stage) -> None:
    """Everyone receives the same object that the acknowledgement contains."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        acknowledged = ada.said("Hello")
        seen = message_in(bo.hear("new_message"))
    expect(seen == acknowledged,
           f"Bo receives the message that Ada's acknowledgement contains: {acknowledged!r}.",
           f"{seen!r}",
           "Build the message once, and use it twice: `emit` it, then return it.")  # fmt: skip


@promise(since="messages", final_app=True)
def a_message_without_a_text_is_refused(chat: Stage) -> None:
    """A message without a text is refused with the code `invalid` and the field."""
    with entered(chat, "Ada") as (ada,):
        whole = ada.payload("Hello")
        without = {key: value for key, value in whole.items() if key != "text"}
        for data, field in (("Hello", ""), (without, "text"), (whole | {"text": 7}, "text")):
            ada.refused("new_message", data,
                        "Anybody who can connect can send anything. Check it first: "
                        '`isinstance(payload, dict)`, then `isinstance(payload.get("text"), str)`.',
                        field=field)  # fmt: skip


@promise(since="messages", final_app=True)
def a_message_of_blanks_is_refused(chat: Stage) -> None:
    """A message that contains only blanks is refused."""
    with entered(chat, "Ada") as (ada,):
        for text in ("", " \n\t "):
            ada.refused("new_message", ada.payload(text),
                        "Python does not count a text of blanks as empty: check `text.strip()`.",
                        field="text")  # fmt: skip


@promise(since="messages", final_app=True)
def half_a_character_is_refused(chat: Stage) -> None:
    """Half a character, which no database can store, is refused."""
    with entered(chat, "Ada") as (ada,):
        ada.refused(
            "new_message", ada.payload("half: \ud83d"),
            "Python accepts half of an emoji as text, but the database does not. Check that "
            '`text.encode(errors="ignore").decode()` is still the same text.', field="text",
        )  # fmt: skip


@promise(since="messages", final_app=True)
def a_long_message_is_refused(chat: Stage) -> None:
    """A message may be as long as the limit, and not one character longer."""
    longest = family_of(chat).longest
    with entered(chat, "Ada") as (ada,):
        answer = ada.say("a" * longest)
        expect(isinstance(answer, dict) and answer.get("ok"),
               f"A message of exactly {longest} characters is accepted.", f"{answer!r}",
               f"Refuse a text if `len(text) > {longest}`: `>=` would refuse the longest one that "
               "is allowed.")  # fmt: skip
        ada.refused("new_message", ada.payload("a" * (longest + 1)),
                    "`maxlength` on the page does not stop somebody who sends from Python. Check "
                    f"`len(text) > {longest}` in the server.", field="text")  # fmt: skip


@promise(since="messages", final_app=True)
def a_refusal_costs_nothing_else(chat: Stage) -> None:
    """A refused message reaches nobody, and the next good message still arrives."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        for text in (" ", "a" * 5000):
            ada.say(text)
        ada.said("Still here")
        texts = bo.texts()
    expect(texts == ["Still here"],
           "Of two refused messages and a good one, Bo receives only the good one.",
           f"{[str(text)[:20] for text in texts]}",
           "Check first, and `emit` afterwards: a refusal must leave the function before `emit`."
           if len(texts) > 1 else
           "Keep the connection open after a refusal: return an answer, and do not "
           "disconnect.")  # fmt: skip


@promise(since="messages", final_app=True)
def nobody_writes_in_another_name(chat: Stage) -> None:
    """The author is the person who connected, whatever name the message contains."""
    family = family_of(chat)
    with entered(chat, "Ada", "Bo") as (ada, bo):
        answer = ada.say("I owe you a cake", username="Bo", author="Bo")
        plain = ada.said("Hello")
        told = bo.messages()
    accepted = answer.get("message") if isinstance(answer, dict) else None
    for message in (*told, plain, *([accepted] if isinstance(accepted, dict) else [])):
        author = family.author(message)
        expect(author == family.named("Ada"),
               "Ada's messages carry the name Ada, even if she writes another name into them.",
               f"the author is {author!r} in {message!r}",
               "Anybody can write any name into a message. Take the name from the connection: "
               "`connect` stored it for `request.sid`, or the account has it.")  # fmt: skip


@promise(since="messages", extra=True)
def too_many_messages_are_refused(chat: Stage) -> None:
    """Somebody who sends more than ten messages in ten seconds learns how long to wait (extra)."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        for number in range(1, MANY + 1):
            ada.said(f"message {number}")
        answer = ada.say("one too many")
        attempted(not isinstance(answer, dict) or not answer.get("ok"),
                  "The eleventh message within ten seconds is refused.", "it is accepted",
                  "This is an extra: keep the times of the messages of each connection.")  # fmt: skip
        ada.refused("new_message", ada.payload("again"),
                    "The code of this refusal is `rate_limited`.", code="rate_limited")  # fmt: skip
        expect(len(bo.texts()) == MANY, f"Bo receives the {MANY} messages that were accepted.",
               f"he receives {len(bo.texts())}",
               "Count before you `emit`, so that a refused message reaches nobody.")  # fmt: skip
        error = answer.get("error", {}) if isinstance(answer, dict) else {}
        wait = error.get("retry_after")
        expect(isinstance(wait, int | float) and 0 < wait <= 10,
               "`retry_after` says after how many seconds to try again.", f"{error!r}",
               "It is a number: the seconds until the oldest message is ten seconds old.")  # fmt: skip
        bo.said("I have only begun")


@promise(since="messages", until="history")
def a_connection_needs_a_name(chat: Stage) -> None:
    """A connection without a name, or with one that is too long, is refused with the reason."""
    for name in (None, "", "   ", "A" * (LONGEST_NAME + 1)):
        refusal = turned_away(chat, name)
        if refusal is None:
            raise Broken(f"A connection with the name {name!r} is refused.", "it is accepted",
                         returned_error(chat) or "In the handler of `connect`, `auth` may be None "
                         "or anything else. Check that `1 <= len(username.strip()) <= "
                         f"{LONGEST_NAME}`.")  # fmt: skip
        _has_code(refusal.code, str(refusal), "invalid", f"with the name {name!r}")
    expect(not turned_away(chat, "A" * LONGEST_NAME),
           f"A name of {LONGEST_NAME} characters is accepted.", "it is refused",
           f"A name may have {LONGEST_NAME} characters: refuse only a longer one.")  # fmt: skip


@promise(since="messages", until="history")
def blanks_around_a_name_do_not_count(chat: Stage) -> None:
    """The server removes blanks around a name."""
    with entered(chat, "  Ada ") as (ada,):
        author = ada.said("Hello").get("username")
    expect(author == "Ada", "Somebody who connects as “  Ada ” is called “Ada”.",
           f"the author is {author!r}",
           "Keep the name that `.strip()` returns. Otherwise the names of two people look the "
           "same.")  # fmt: skip


@promise(since="messages", until="history")
def a_taken_name_is_refused(chat: Stage) -> None:
    """A name that is already connected is refused, with or without capitals."""
    with entered(chat, "Ada"):
        for name in ("Ada", "ADA"):
            refusal = turned_away(chat, name)
            if refusal is None:
                raise Broken(
                    f"While Ada is here, another connection as {name!r} is refused.",
                    "both are connected",
                    "Store each name when it connects, and compare a new name with the stored ones."
                    if name == "Ada" else
                    "Ignore capitals when you compare: use `.casefold()` on both sides.",
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
        "Import flask_socketio's `ConnectionRefusedError` (Python has another one) and raise it: "
        f'`raise ConnectionRefusedError("…", {{"code": "{wanted}"}})`.',
    )  # fmt: skip


@exercise("messages")
def who_joins_is_announced(chat: Stage) -> None:
    """When somebody joins, everyone else receives the name, and the page shows it."""
    with entered(chat, "Ada") as (ada,), entered(chat, "Bo") as (bo,):
        by_ada, by_bo = ada.told("joined"), bo.told("joined")
    attempted(by_ada or by_bo, "Ada receives the event `joined` when Bo connects.", "she does not",
              'Call `emit("joined", …)` at the end of the handler of `connect`.')  # fmt: skip
    expect(by_ada == [{"username": "Bo"}], 'Ada receives `joined` with {"username": "Bo"}, once.',
           f"{by_ada}",
           'Write `emit("joined", {"username": username}, broadcast=True, '
           'include_self=False)`.')  # fmt: skip
    expect(not by_bo, "Bo does not receive his own `joined`.", f"{by_bo}",
           "Add `include_self=False` next to `broadcast=True`.")  # fmt: skip
    with visitors(chat, "Ada") as (page,), entered(chat, "Dora"):
        page.did = "Dora opened the chat."
        page.expects(lambda: "Dora" in page.text, "Ada's page shows that Dora has joined.",
                     'In `socket.on("joined", (person) => …)`, make an element, set its '
                     "`textContent`, and append it.", "Nothing changed.")  # fmt: skip
