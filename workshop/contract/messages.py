"""Promises of step 06: a message is checked, a refusal is an answer, the author is who connected."""

from workshop.contract.answers import messages_told, payload, refused, said, say
from workshop.contract.asking import ask
from workshop.contract.families import family_of
from workshop.contract.people import entered, hear, turned_away
from workshop.contract.promise import Broken, NotAttempted, promise
from workshop.contract.sources import returned_error
from workshop.stages import Stage

LONGEST_NAME = 40  # characters
MANY = 10  # messages that one connection may send in ten seconds


@promise(since="06", final_app=True)
def the_acknowledgement_carries_the_message(chat: Stage) -> None:
    """The acknowledgement carries the message as it was accepted."""
    with entered(chat, "Ada") as (ada,):
        message = said(chat, ada, "Hello")
    if message.get("text") != "Hello":
        raise Broken(
            expected='`message` in the acknowledgement has the text that was sent, "Hello".',
            seen=f"{message!r}",
            hint="Build the message once, and use it twice: for `emit` and for the answer.",
        )


@promise(since="06", final_app=True)
def everyone_hears_what_was_acknowledged(chat: Stage) -> None:
    """Everyone receives the same object as the one that is acknowledged."""
    family = family_of(chat)
    with entered(chat, "Ada", "Bo") as (ada, bo):
        acknowledged = said(chat, ada, "Hello")
        seen = family.message_in(hear(bo, "new_message"))
    if seen != acknowledged:
        raise Broken(
            expected=f"Bo receives {acknowledged!r}, as it was acknowledged to Ada.",
            seen=f"{seen!r}",
            hint="Build the message once, and use it twice: `emit` it, then return it.",
        )


@promise(since="06", final_app=True)
def what_is_no_text_is_refused(chat: Stage) -> None:
    """What is no text is refused, with the reason: `invalid`, and the field."""
    with entered(chat, "Ada") as (ada,):
        whole = payload(chat, ada, "Hello")
        without = {key: value for key, value in whole.items() if key != "text"}
        for data, field in (("Hello", ""), (without, "text"), (whole | {"text": 7}, "text")):
            refused(
                chat, ada, "new_message", data, field=field,
                hint="Whoever can connect can send anything. Ask first: "
                '`isinstance(payload, dict)`, then `isinstance(payload.get("text"), str)`.',
            )  # fmt: skip


@promise(since="06", final_app=True)
def a_message_of_blanks_is_refused(chat: Stage) -> None:
    """A message without anything but blanks is refused."""
    with entered(chat, "Ada") as (ada,):
        for text in ("", " \n\t "):
            refused(
                chat, ada, "new_message", payload(chat, ada, text), field="text",
                hint="A text of blanks is not empty for Python: ask for `text.strip()`.",
            )  # fmt: skip


@promise(since="06", final_app=True)
def half_a_character_is_refused(chat: Stage) -> None:
    """Half a character, which no database can store, is refused."""
    with entered(chat, "Ada") as (ada,):
        refused(
            chat, ada, "new_message", payload(chat, ada, "half: \ud83d"), field="text",
            hint="Python takes half of an emoji for text, and the database does not: ask whether "
            '`text.encode(errors="ignore").decode()` is still the same text.',
        )  # fmt: skip


@promise(since="06", final_app=True)
def a_long_message_is_refused(chat: Stage) -> None:
    """A message may be as long as the limit says, and not one character longer."""
    longest = family_of(chat).longest
    with entered(chat, "Ada") as (ada,):
        answer = say(chat, ada, "a" * longest)
        if not isinstance(answer, dict) or not answer.get("ok"):
            raise Broken(
                expected=f"A message of exactly {longest} characters is accepted.",
                seen=f"{answer!r}",
                hint=f"Refuse with `len(text) > {longest}`: `>=` would refuse the longest allowed.",
            )
        refused(
            chat, ada, "new_message", payload(chat, ada, "a" * (longest + 1)), field="text",
            hint="`maxlength` in the page binds nobody who writes from Python: "
            f"ask for `len(text) > {longest}` in the server.",
        )  # fmt: skip


@promise(since="06", final_app=True)
def a_refusal_costs_nothing_else(chat: Stage) -> None:
    """What is refused reaches nobody, and the next good message still arrives."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        for text in (" ", "a" * 5000):
            ask(chat, ada, "new_message", payload(chat, ada, text))
        said(chat, ada, "Still here")
        texts = [message.get("text") for message in messages_told(chat, bo)]
    if texts != ["Still here"]:
        raise Broken(
            expected="Of two refused messages and a good one, Bo receives the good one.",
            seen=f"{[str(text)[:20] for text in texts]}",
            hint="Check first, `emit` afterwards: a refusal must leave the function before it."
            if len(texts) > 1
            else "After a refusal the connection goes on: answer, and do not disconnect.",
        )


@promise(since="06", final_app=True)
def nobody_writes_in_another_name(chat: Stage) -> None:
    """The author is who connected, whatever name a message gives."""
    family = family_of(chat)
    with entered(chat, "Ada", "Bo") as (ada, bo):
        answer = say(chat, ada, "I owe you a cake", username="Bo", author="Bo")
        plain = said(chat, ada, "Hello")
        told = messages_told(chat, bo)
    accepted = answer.get("message") if isinstance(answer, dict) else None
    for message in (*told, plain, *([accepted] if isinstance(accepted, dict) else [])):
        author = family.author(message)
        if author != family.named("Ada"):
            raise Broken(
                expected="What Ada sends carries the name Ada, also when she writes another one in.",
                seen=f"the author is {author!r} in {message!r}",
                hint="What a message says of its author, anybody can write. Take the name from the "
                "connection: what `connect` kept for `request.sid`, or the account.",
            )


@promise(since="06", extra=True)
def too_many_messages_are_refused(chat: Stage) -> None:
    """Who sends more than ten messages in ten seconds is told how long to wait (extra)."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        for number in range(1, MANY + 1):
            said(chat, ada, f"message {number}")
        answer = say(chat, ada, "one too many")
        if isinstance(answer, dict) and answer.get("ok"):
            raise NotAttempted(
                expected="The eleventh message within ten seconds is refused.",
                seen="it is accepted",
                hint="This is an extra: keep, per connection, when it sent.",
            )
        refused(
            chat, ada, "new_message", payload(chat, ada, "again"), code="rate_limited",
            hint="The code of this refusal is `rate_limited`.",
        )  # fmt: skip
        error = answer.get("error", {}) if isinstance(answer, dict) else {}
        wait = error.get("retry_after")
        if not isinstance(wait, int | float) or not 0 < wait <= 10:
            raise Broken(
                expected="`retry_after` says after how many seconds to try again.",
                seen=f"{error!r}",
                hint="It is a number: what is left of the ten seconds of the oldest message.",
            )
        said(chat, bo, "I have only begun")


@promise(since="06", until="07")
def a_connection_needs_a_name(chat: Stage) -> None:
    """Who connects without a name, or with one that is too long, is refused with the reason."""
    for name in (None, "", "   ", "A" * (LONGEST_NAME + 1)):
        refusal = turned_away(chat, name)
        if refusal is None:
            raise Broken(
                expected=f"A connection with the name {name!r} is refused.",
                seen="it is let in",
                hint=returned_error(chat)
                or "In the handler of `connect`: `auth` may be None or anything else. Ask for "
                f"`1 <= len(username.strip()) <= {LONGEST_NAME}`.",
            )
        _has_code(refusal.code, str(refusal), "invalid", f"with the name {name!r}")
    if turned_away(chat, "A" * LONGEST_NAME):
        raise Broken(
            expected=f"A name of {LONGEST_NAME} characters is let in.",
            seen="it is refused",
            hint=f"{LONGEST_NAME} is the longest allowed: refuse what is longer.",
        )


@promise(since="06", until="07")
def blanks_around_a_name_do_not_count(chat: Stage) -> None:
    """Blanks around a name are taken away."""
    with entered(chat, "  Ada ") as (ada,):
        author = said(chat, ada, "Hello").get("username")
    if author != "Ada":
        raise Broken(
            expected="Who connects as “  Ada ” is called “Ada”.",
            seen=f"the author is {author!r}",
            hint="`.strip()` takes the blanks away: keep the name it gives. "
            "Otherwise two people look the same.",
        )


@promise(since="06", until="07")
def a_taken_name_is_refused(chat: Stage) -> None:
    """A name that somebody is connected with is refused, in capitals, too."""
    with entered(chat, "Ada"):
        for name in ("Ada", "ADA"):
            refusal = turned_away(chat, name)
            if refusal is None:
                raise Broken(
                    expected=f"While Ada is here, another connection as {name!r} is refused.",
                    seen="both are in",
                    hint="Compare with the names of those who are here: keep each when it connects."
                    if name == "Ada"
                    else "Compare without regard to capitals: `.casefold()` on both sides.",
                )
            _has_code(refusal.code, str(refusal), "conflict", f"as {name!r}, who is here already,")


@promise(since="06", until="07")
def a_name_is_free_again(chat: Stage) -> None:
    """A name is free again when its connection ends."""
    for _ in range(2):
        with entered(chat, "Ada"):  # `entered` says what is wrong when she cannot come again
            pass


def _has_code(seen: str, message: str, wanted: str, who: str) -> None:
    if seen == wanted and message:
        return
    raise Broken(
        expected=f"A connection {who} is refused with a sentence and the code `{wanted}`.",
        seen=f"the code {seen!r} and the sentence “{message}”",
        hint="Raise what flask_socketio calls ConnectionRefusedError (Python has one of its own: "
        f'import it): `raise ConnectionRefusedError("…", {{"code": "{wanted}"}})`.',
    )
