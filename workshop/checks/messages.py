"""The server checks each message. If it refuses a message, its answer contains the reason."""

import time

from workshop.checks.client import entered
from workshop.checks.families import family_of
from workshop.checks.promise import attempted, exercise, expect, promise
from workshop.checks.speakers import fields
from workshop.stages import Stage

LONGEST_NAME = 40  # characters
MANY, PERIOD = 10, 10.0  # messages that one connection can send in this many seconds


@promise(since="refusals", final_app=True)
def the_acknowledgement_carries_the_message(chat: Stage) -> None:
    """The acknowledgement contains the message that the server accepted."""
    with entered(chat, "Ada") as (ada,):
        message = ada.said("Hello")
    expect(message.get("text") == "Hello",
           '`message` in the acknowledgement has the text that was sent, "Hello".', f"{message!r}",
           "Build the message once, and use it twice: for `emit` and for the answer.")  # fmt: skip


@promise(since="refusals", final_app=True)
def everyone_receives_what_was_acknowledged(chat: Stage) -> None:
    """Everyone receives the same object that the acknowledgement contains."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        acknowledged = ada.said("Hello")
        seen = fields(bo.hear("new_message"))
    expect(seen == acknowledged,
           f"Bo receives the message that Ada's acknowledgement contains: {acknowledged!r}.",
           f"{seen!r}",
           "Build the message once, and use it twice: `emit` it, then return it.")  # fmt: skip


@promise(since="refusals", final_app=True, file="checks.py")
def a_message_without_a_text_is_refused(chat: Stage) -> None:
    """A message without text is refused with the code `invalid` and the name of the field."""
    with entered(chat, "Ada") as (ada,):
        whole = ada.payload("Hello")
        without = {key: value for key, value in whole.items() if key != "text"}
        for data, field in (("Hello", ""), (without, "text"), (whole | {"text": 7}, "text")):
            ada.refused("new_message", data,
                        "Anybody who can connect can send anything. Check it first: "
                        '`isinstance(payload, dict)`, then `isinstance(payload.get("text"), str)`.',
                        field=field)  # fmt: skip


@promise(since="refusals", final_app=True, file="checks.py")
def a_message_of_blanks_is_refused(chat: Stage) -> None:
    """A message that contains only spaces is refused."""
    with entered(chat, "Ada") as (ada,):
        for text in ("", " \n\t "):
            ada.refused("new_message", ada.payload(text),
                        "For Python, a string of spaces is not empty: check `text.strip()` instead.",
                        field="text")  # fmt: skip


@promise(since="refusals", final_app=True, file="checks.py")
def half_a_character_is_refused(chat: Stage) -> None:
    """Text with half a character in it, which no database can store, is refused."""
    with entered(chat, "Ada") as (ada,):
        ada.refused(
            "new_message", ada.payload("half: \ud83d"),
            "Python accepts half of an emoji as text, but the database does not. Check that "
            '`text.encode(errors="ignore").decode()` is still the same text.', field="text",
        )  # fmt: skip


@promise(since="refusals", final_app=True, file="checks.py")
def a_long_message_is_refused(chat: Stage) -> None:
    """A message can be as long as the limit, but not one character longer."""
    longest = family_of(chat).longest
    with entered(chat, "Ada") as (ada,):
        answer = ada.say("a" * longest)
        expect(fields(answer).get("ok"),
               f"A message of exactly {longest} characters is accepted.", f"{answer!r}",
               f"Refuse the text if `len(text) > {longest}`: `>=` would refuse a text with the "
               f"maximum length.")  # fmt: skip
        ada.refused("new_message", ada.payload("a" * (longest + 1)),
                    "`maxlength` on the page does not stop somebody who sends messages from "
                    "Python. Check "
                    f"`len(text) > {longest}` in the server.", field="text")  # fmt: skip


@promise(since="refusals", final_app=True)
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
           "Check the message first, and `emit` it afterward. A refusal leaves the function before "
           "`emit`, returns an answer, and does not disconnect.")  # fmt: skip


@promise(since="refusals", until="refusals", file="checks.py")
def a_message_needs_a_name(chat: Stage) -> None:
    """A message whose name is missing or too long is refused, and the refusal names the field."""
    with entered(chat, "Ada") as (ada,):
        for name in (None, "   ", "A" * (LONGEST_NAME + 1)):
            ada.refused("new_message", ada.payload("Hello", username=name),
                        'Check the name in the same way as the text: '
                        '`checked_name(field(payload, "username"))`.',
                        field="username")  # fmt: skip


@promise(since="refusals", until="accounts")
def blanks_around_a_name_do_not_count(chat: Stage) -> None:
    """The server removes spaces around a name."""
    with entered(chat, "  Ada ") as (ada,):
        author = ada.said("Hello").get("username")
    expect(author == "Ada", "Somebody who enters the name “  Ada ” is called “Ada”.",
           f"the author is {author!r}",
           "Keep the name that `.strip()` returns. Otherwise, two people can have names that "
           "look the same.")  # fmt: skip


@exercise("refusals", "checks.py")
def too_many_messages_are_refused(chat: Stage) -> None:
    """If somebody sends more than ten messages in ten seconds, the refusal says how long to wait."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        began = time.monotonic()
        for number in range(1, MANY + 1):
            ada.said(f"message {number}")
        answer = ada.say("one too many")
        least = PERIOD - (time.monotonic() - began) - 1  # seconds; it can be rounded down
        attempted(not fields(answer).get("ok"),
                  "The eleventh message within ten seconds is refused.", "it is accepted",
                  "Before `emit`, call `count_message(request.sid)`. This function stores the "
                  "times of each connection's messages, and raises the error if ten of them are "
                  "less than ten seconds old."
                  )  # fmt: skip
        ada.refused("new_message", ada.payload("again"),
                    "The code of this refusal is `rate_limited`.", code="rate_limited")  # fmt: skip
        expect(len(bo.texts()) == MANY, f"Bo receives the {MANY} messages that were accepted.",
               f"he receives {len(bo.texts())}",
               "Count before you `emit`, so that a refused message reaches nobody.")  # fmt: skip
        error = fields(answer, "error")
        wait = error.get("retry_after")
        expect(isinstance(wait, int | float) and max(least, 0) < wait <= PERIOD,
               "`retry_after` says how many seconds to wait before trying again.", f"{error!r}",
               "It is the number of seconds until the oldest message is ten seconds old.")  # fmt: skip
        bo.said("I have only begun")
