"""Promises of step 07: messages are stored, numbered and caught up with."""

import re

import socketio

from workshop.contract.answers import payload, refused, said
from workshop.contract.asking import ask
from workshop.contract.browse import visit
from workshop.contract.families import Message, family_of
from workshop.contract.people import entered, hear, messages_heard
from workshop.contract.promise import Broken, promise
from workshop.contract.storage import nothing_can_be_stored, restart
from workshop.stages import Stage

ROUNDS = 8  # requests that are answered while a message would long be on its way
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@promise(since="07", final_app=True)
def a_message_has_a_number_and_a_time(chat: Stage) -> None:
    """A message carries its number and its time."""
    with entered(chat, "Ada") as (ada,):
        message = said(chat, ada, "Hello")
    number_of_message(message)
    if not ISO.fullmatch(str(message.get("created_at"))):
        raise Broken(
            expected="`created_at` is a time in UTC as ISO text, such as 2026-11-22T18:00:00Z.",
            seen=f"{message.get('created_at')!r}",
            hint="`db.func.now()`, the database's own UTC, when it is stored; `.isoformat()` or "
            "strftime when it travels, with a Z at the end: it says that this is UTC.",
        )


@promise(since="07", final_app=True)
def numbers_go_up_by_one(chat: Stage) -> None:
    """Numbers go up by one, whoever sends, also after a refusal."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        numbers = [number_of_message(said(chat, ada, "one"))]
        ask(chat, ada, "new_message", payload(chat, ada, " "))
        numbers += [number_of_message(said(chat, who, "more")) for who in (bo, ada, bo)]
    if numbers != list(range(numbers[0], numbers[0] + 4)):
        raise Broken(
            expected=f"Four messages have the numbers {numbers[0]} to {numbers[0] + 3}.",
            seen=f"{numbers}",
            hint="The same number again: the message is not stored. After `db.session.add(…)` "
            "comes `db.session.commit()`."
            if len(set(numbers)) < len(numbers)
            else "A page notices by its number that a message is missing. Let the database give "
            "it when the message is stored, and store nothing that is refused.",
        )


@promise(since="07", final_app=True)
def nobody_hears_what_is_not_stored(chat: Stage) -> None:
    """A message is stored before anybody hears it."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        said(chat, ada, "Hello")
        with nothing_can_be_stored(chat):
            ada.emit("new_message", payload(chat, ada, "not stored yet"))
            for _ in range(ROUNDS):  # much else is answered, while Ada's message waits
                visit(chat, "/static/style.css")
            early = [m for m in messages_heard(chat, bo) if m.get("text") == "not stored yet"]
        while (data := hear(bo, "new_message")) is not None:
            if family_of(chat).message_in(data).get("text") == "not stored yet":
                break
    if early:
        raise Broken(
            expected="While nothing can be stored, nobody hears a new message.",
            seen="Bo hears it, and the server may still lose it",
            hint="First `db.session.commit()`, then `emit`, then the acknowledgement.",
        )


@promise(since="07", until="07")
def a_restart_loses_nothing(chat: Stage) -> None:
    """What was acknowledged is still there when the server has been ended and started again."""
    survives_a_restart(chat)


@promise(since="07", final_app=True)
def sync_gives_what_was_missed(chat: Stage) -> None:
    """Who was away asks for what came after a number, and gets exactly that, once."""
    with entered(chat, "Ada") as (ada,):
        with entered(chat, "Bo") as (bo,):
            last = number_of_message(said(chat, bo, "My line is going to be cut"))
        missed = [said(chat, ada, text) for text in ("this", "is", "what", "Bo", "missed")]
        with entered(chat, "Bo") as (bo,):
            seen = synced(chat, bo, last)
            nothing = synced(chat, bo, number_of_message(missed[-1]))
    if seen != missed:
        raise Broken(
            expected="`sync` with Bo's last number gives the five messages that came after it, "
            "the oldest first, as they were acknowledged.",
            seen=f"{_texts(seen)}",
            hint=_why_not(seen, missed, last),
        )
    if nothing != []:
        raise Broken(
            expected="Who has missed nothing gets an empty list.",
            seen=f"{_texts(nothing)}",
            hint=OFF_BY_ONE,
        )


@promise(since="07")
def a_wrong_number_is_refused(chat: Stage) -> None:
    """`sync` without a number to begin after is refused."""
    family = family_of(chat)
    with entered(chat, "Ada") as (ada,):
        event, right = family.sync(0, family.general)
        assert isinstance(right, dict)
        without = {key: value for key, value in right.items() if key != "after"}
        for wrong in (without, right | {"after": "3"}, right | {"after": 2**70}):
            refused(
                chat, ada, event, wrong, field="after",
                hint="Ask first: `type(after) is int`, and not larger than the database counts.",
            )  # fmt: skip


OFF_BY_ONE = "What somebody has already is not missed: `Message.seq > after`, without an `=`."


def survives_a_restart(chat: Stage) -> None:
    """Ask that a message, and the counting, go on after a restart. Raises Broken."""
    with entered(chat, "Ada") as (ada,):
        before = said(chat, ada, "Remember me")
    restart(chat)
    with entered(chat, "Ada") as (ada,):
        found = synced(chat, ada, number_of_message(before) - 1)
        after = number_of_message(said(chat, ada, "I am back"))
    if before not in found:
        raise Broken(
            expected=f"After a restart, `sync` gives {before!r} again.",
            seen=f"{found!r}",
            hint="What is only added to the session is gone with the process: "
            "`db.session.add(…)`, then `db.session.commit()`."
            if not found
            else "The message of `sync` is made from what is stored, that of the acknowledgement "
            "too: use one function for both.",
        )
    if after != number_of_message(before) + 1:
        raise Broken(
            expected=f"The next message has the number {number_of_message(before) + 1}.",
            seen=f"{after}",
            hint="The number comes from the database, not from a counter in the program.",
        )


def synced(
    chat: Stage, client: socketio.SimpleClient, after: int, room: int | None = None
) -> list[Message]:
    """Ask for what came after a number, and return it. Raises Broken when there is no list."""
    family = family_of(chat)
    room = family.general if room is None else room
    event, data = family.sync(after, room)
    answer = ask(chat, client, event, data)
    messages = family.synced(answer, room) if isinstance(answer, dict) else None
    if not isinstance(messages, list):
        raise Broken(
            expected=f'`{event}` with {data!r} is acknowledged with {{"ok": true, "messages": […]}}.',
            seen=f"{answer!r}",
            hint='Return the list in an object: `{"ok": True, "messages": […]}`.',
        )
    return messages


def number_of_message(message: Message) -> int:
    """Return the message's number. Raises Broken when it has none."""
    if isinstance(message.get("seq"), int):
        return int(message["seq"])
    raise Broken(
        expected="A message has a number, `seq`.",
        seen=f"{message!r}",
        hint="It is the primary key, which the database gives when the message is stored.",
    )


def _why_not(seen: list[Message], missed: list[Message], last: int) -> str:
    numbers = [message.get("seq") for message in seen]
    wanted = [message["seq"] for message in missed]
    if last in numbers:
        return OFF_BY_ONE
    if numbers == wanted:
        return "Make a message for the wire in one place, and use it for everything that is sent."
    if sorted(map(str, numbers)) == sorted(map(str, wanted)):
        return "Order by the number: `.order_by(Message.seq)`."
    return "`Message.seq > after` gives all that came after it, `.order_by(Message.seq)` in order."


def _texts(messages: list[Message]) -> list[object]:
    return [f"{message.get('seq')}: {message.get('text')}" for message in messages]
