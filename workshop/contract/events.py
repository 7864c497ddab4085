"""Promises about events over the socket: from step 04 on."""

import socketio

from workshop.contract.answers import payload, say
from workshop.contract.asking import ANSWER_TIMEOUT, ask
from workshop.contract.diagnosis import cause
from workshop.contract.families import family_of
from workshop.contract.people import entered, hear, heard, messages_heard
from workshop.contract.promise import Broken, promise
from workshop.contract.sources import behind_a_return, unknown_option
from workshop.stages import Stage

NO_BROADCAST = (
    '`emit` alone answers only the sender. `emit("new_message", message, broadcast=True)` '
    "reaches everyone."
)
NOT_IN_ITS_ROOM = (
    "Is the line `emit(…)` there? Its `to=` names the room as `join_room` did, by its number: "
    "`to=room.id`."
)
TOLD_BESIDE = {"joined", "presence", "typing"}  # events of later steps, which come as well


@promise(since="04", final_app=True)
def a_message_is_acknowledged(chat: Stage) -> None:
    """Who sends a message gets an acknowledgement that says ok."""
    with entered(chat, "Ada") as (ada,):
        answer = say(chat, ada, "Hello")
    if not isinstance(answer, dict) or answer.get("ok") is not True:
        raise Broken(
            expected='The acknowledgement is {"ok": true}.',
            seen=f"{answer!r}",
            hint="That is a refusal, with its reason. Ada is where she may write: why is she refused?"
            if isinstance(answer, dict) and answer.get("error")
            else "What the handler returns is the acknowledgement. "
            'It ends with `return {"ok": True, …}`, with a capital T, and itself: not a function below.',
        )


@promise(since="04", until="05")
def a_plain_text_comes_back_as_message(chat: Stage) -> None:
    """A plain text comes back as the event `message`: that is what `send` sends."""
    with entered(chat, "Ada") as (ada,):
        ada.emit("message", "Hello")
        seen = hear(ada, "message")
    if seen != "Hello":
        raise Broken(
            expected="After `message` with “Hello”, the event `message` comes back with “Hello”.",
            seen="nothing" if seen is None else f"{seen!r}",
            hint=cause(
                chat.log,
                'Is `@socketio.on("message")` there, and does its function call `send(text)`?',
            ),
        )


@promise(since="05", final_app=True)
def everyone_else_hears_it(chat: Stage) -> None:
    """Everyone else receives `new_message`, with what was sent in it."""
    family = family_of(chat)
    with entered(chat, "Ada", "Bo", "Cy") as (ada, bo, cy):
        say(chat, ada, "Hello")
        for name, listener in (("Bo", bo), ("Cy", cy)):
            seen = hear(listener, "new_message")
            if seen is None:
                raise Broken(
                    expected=f"{name} receives `new_message` when Ada sends one.",
                    seen=_instead(name, heard(listener), heard(ada)),
                    hint=_why_nobody_hears(chat, heard(listener), heard(ada)),
                )
            if not family.holds(family.message_in(seen), "Ada", "Hello"):
                raise Broken(
                    expected=f"{name} receives {payload(chat, ada, 'Hello')!r}, the object Ada sent.",
                    seen=f"{seen!r}",
                    hint="Send the whole object on: the second argument of `emit` is `message`.",
                )


@promise(since="05", withdrawn_by="05", final_app=True)
def the_sender_hears_it_too(chat: Stage) -> None:
    """The sender receives `new_message` too."""
    with entered(chat, "Ada") as (ada,):
        say(chat, ada, "Hello")
        if hear(ada, "new_message") is None:
            raise Broken(
                expected="Ada, who sent it, receives `new_message` too.",
                seen=f"nothing within {ANSWER_TIMEOUT:.0f} s",
                hint="Her page shows what comes back, so without this her own line is missing. "
                "`include_self=False` belongs to exercise 05, and step 06 undoes it; or is the `emit` "
                "line missing?",
            )


@promise(since="05", final_app=True)
def each_message_once_and_in_order(chat: Stage) -> None:
    """Each message arrives once, in the order sent."""
    sent = [f"message {number}" for number in range(1, 6)]
    with entered(chat, "Ada", "Bo") as (ada, bo):
        for text in sent:
            say(chat, ada, text)
        _hear_until(chat, bo, sent[-1])
        seen = [each.get("text") for each in messages_heard(chat, bo)]
    if seen != sent:
        double = any(seen.count(each) > 1 for each in sent)
        raise Broken(
            expected=f"Bo hears five messages: {sent}.",
            seen=f"{seen}",
            hint="It is sent more than once: is there a second `emit` (or `socketio.emit`) for it?"
            if double
            else "Is `async_handlers=False` in the `SocketIO(…)` line? Without it every event runs "
            "in a thread of its own, and a later one may overtake.",
        )


@promise(since="05", until="05")
def a_plain_text_reaches_everyone(chat: Stage) -> None:
    """A plain text reaches everyone as the event `message`."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        ada.emit("message", "Hello")
        seen = hear(bo, "message")
    if seen != "Hello":
        raise Broken(
            expected="Bo receives the event `message` when Ada sends a plain text.",
            seen="nothing" if seen is None else f"{seen!r}",
            hint=cause(
                chat.log,
                unknown_option(chat)
                or "`send` takes the same option as `emit`: `send(text, broadcast=True)`.",
            ),
        )


def shout_answer(chat: Stage, text: str) -> object:
    """Return the acknowledgement of the event `shout`, the exercise of step 04."""
    with entered(chat, "Ada") as (ada,):
        return ask(chat, ada, "shout", {"text": text})


def _hear_until(chat: Stage, client: socketio.SimpleClient, text: str) -> None:
    while (data := hear(client, "new_message")) is not None:
        if family_of(chat).message_in(data).get("text") == text:
            return


def _instead(name: str, by_listener: list[tuple[str, object]], by_sender: object) -> str:
    if by_listener:
        return f"{name} received {[event for event, _ in by_listener]} instead"
    return "only Ada received it" if by_sender else "nobody received anything"


def _why_nobody_hears(
    chat: Stage, by_listener: list[tuple[str, object]], by_sender: list[tuple[str, object]]
) -> str:
    events = {event for event, _ in by_listener} - TOLD_BESIDE
    if "message" in events:
        return (
            "`send` always uses the event `message`. To name the event yourself, use "
            '`emit("new_message", …)`.'
        )
    if events:
        return f"The event is called {events.pop()!r} here: its name must be `new_message`."
    if any(event == "new_message" for event, _ in by_sender):
        return unknown_option(chat) or NO_BROADCAST
    if any(event == "presence" for event, _ in by_listener):
        return behind_a_return(chat) or NOT_IN_ITS_ROOM
    return (
        behind_a_return(chat)
        or 'Is the line `emit("new_message", message, broadcast=True)` in the handler?'
    )
