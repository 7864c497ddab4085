"""Events over the socket, from step 04 on; the exercises of steps 04 and 05."""

from workshop.checks.client import ANSWER_TIMEOUT, entered, message_in
from workshop.checks.console import cause
from workshop.checks.families import family_of
from workshop.checks.promise import Broken, NotAttempted, attempted, exercise, expect, promise
from workshop.checks.sources import behind_a_return, speaks_of, unknown_option
from workshop.checks.stories import everyone_sees_a_message
from workshop.stages import Stage

NO_BROADCAST = (
    '`emit` alone answers only the sender. `emit("new_message", message, broadcast=True)` '
    "reaches everyone."
)
NOT_IN_ITS_ROOM = (
    "Is the line `emit(…)` there? Its `to=` must be the room's number, as in `join_room`: "
    "`to=room.id`."
)
TOLD_BESIDE = {"joined", "presence", "typing"}  # events of later steps, which come as well


@promise(since="socketio", final_app=True)
def a_message_is_acknowledged(chat: Stage) -> None:
    """The server acknowledges each message with `{"ok": true}`."""
    with entered(chat, "Ada") as (ada,):
        answer = ada.say("Hello")
    expect(isinstance(answer, dict) and answer.get("ok") is True,
           'The acknowledgement is {"ok": true}.', f"{answer!r}",
           "Your server refuses the message, and says why. Ada may write here: which check refuses "
           "her?"
           if isinstance(answer, dict) and answer.get("error") else
           'The acknowledgement is what the handler returns. End the handler itself, not a function '
           'below it, with `return {"ok": True, …}`, with a capital T.')  # fmt: skip


@promise(since="socketio", until="broadcast")
def a_plain_text_comes_back_as_message(chat: Stage) -> None:
    """A plain text comes back as the event `message`, which `send` emits."""
    with entered(chat, "Ada") as (ada,):
        ada.emit("message", "Hello")
        seen = ada.hear("message")
    expect(seen == "Hello",
           "When Ada sends `message` with “Hello”, the event `message` comes back with “Hello”.",
           "nothing" if seen is None else f"{seen!r}",
           cause(chat.log, 'Is `@socketio.on("message")` there, and does its function call '
           '`send(text)`, without `include_self=False`?'))  # fmt: skip


@promise(since="broadcast", final_app=True)
def everyone_else_hears_it(chat: Stage) -> None:
    """Everyone else receives `new_message` with the message in it."""
    wanted = {"text": "Hello"} | ({"username": "Ada"} if family_of(chat).signed else {})
    with entered(chat, "Ada", "Bo", "Cy") as (ada, bo, cy):
        ada.say("Hello")
        for name, listener in (("Bo", bo), ("Cy", cy)):
            seen = listener.hear("new_message")
            if seen is None:
                raise Broken(f"{name} receives `new_message` when Ada sends one.",
                             _instead(name, listener.heard(), ada.heard()),
                             _why_nobody_hears(chat, listener.heard(), ada.heard()))  # fmt: skip
            expect(wanted.items() <= message_in(seen).items(),
                   f"{name} receives {ada.payload('Hello')!r}, the object Ada sent.", f"{seen!r}",
                   "Pass the whole object on: the second argument of `emit` is `message`.")  # fmt: skip


@promise(since="broadcast", withdrawn_by="broadcast", final_app=True)
def the_sender_hears_it_too(chat: Stage) -> None:
    """The sender receives `new_message` too."""
    with entered(chat, "Ada") as (ada,):
        ada.say("Hello")
        expect(ada.hear("new_message") is not None, "Ada, who sent it, receives `new_message` too.",
               f"nothing within {ANSWER_TIMEOUT:.0f} s",
               "Her page shows what comes back, so it would not show her own message. Is the "
               "`emit` line missing? Or is `include_self=False` still there, which only exercise "
               "05 needs?")  # fmt: skip


@promise(since="broadcast", final_app=True)
def each_message_once_and_in_order(chat: Stage) -> None:
    """Each message arrives once, in the order sent."""
    sent = [f"message {number}" for number in range(1, 6)]
    with entered(chat, "Ada", "Bo") as (ada, bo):
        for text in sent:
            ada.say(text)
        bo.hear_text(sent[-1])
        seen = [each.get("text") for each in bo.messages_heard()]
    if seen != sent:
        double = any(seen.count(each) > 1 for each in sent)
        raise Broken(f"Bo receives five messages: {sent}.", f"{seen}",
                     "The server sends it more than once. Is there a second `emit` (or `socketio.emit`) "
                     "for it?"
                     if double else
                     "Is `async_handlers=False` in the `SocketIO(…)` line? Without it, every event "
                     "runs in a thread of its own, and a later one may overtake an "
                     "earlier one.")  # fmt: skip


@promise(since="broadcast", until="broadcast")
def a_plain_text_reaches_everyone(chat: Stage) -> None:
    """A plain text reaches everyone as the event `message`."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        ada.emit("message", "Hello")
        seen = bo.hear("message")
    if seen != "Hello":
        raise Broken("Bo receives the event `message` when Ada sends a plain text.",
                     "nothing" if seen is None else f"{seen!r}",
                     cause(chat.log, unknown_option(chat) or "`send` takes the same option as "
                     "`emit`: `send(text, broadcast=True)`."))  # fmt: skip


def shout_answer(chat: Stage, text: str) -> object:
    """Return the acknowledgement of the event `shout`, the exercise of step 04."""
    with entered(chat, "Ada") as (ada,):
        return ada.ask("shout", {"text": text})


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
        return f"Your server emits the event {events.pop()!r}. Its name must be `new_message`."
    if any(event == "new_message" for event, _ in by_sender):
        return unknown_option(chat) or NO_BROADCAST
    if any(event == "presence" for event, _ in by_listener):
        return behind_a_return(chat) or NOT_IN_ITS_ROOM
    return (
        behind_a_return(chat)
        or 'Is the line `emit("new_message", message, broadcast=True)` in the handler?'
    )


@exercise("socketio")
def the_server_can_shout(chat: Stage) -> None:
    """The event `shout` is acknowledged with the text in capitals."""
    try:
        answer = shout_answer(chat, "hello")
    except Broken as broken:
        if "Traceback" in chat.log:
            raise
        raise NotAttempted("The event `shout` is acknowledged.", broken.seen,
                           'Start with `@socketio.on("shout")`.') from None  # fmt: skip
    # A `Namespace` acknowledges what it has no method for, too: with nothing.
    attempted(answer is not None or speaks_of(chat, "shout"),
              "The event `shout` is acknowledged.", "an empty acknowledgement",
              "Start with a method `on_shout`.")  # fmt: skip
    expect(isinstance(answer, dict) and answer.get("text") == "HELLO" and answer.get("ok"),
           '`shout` with {"text": "hello"} is acknowledged with {"ok": true, "text": "HELLO"}.',
           f"{answer!r}",
           'Return the object: `return {"ok": True, "text": message["text"].upper()}`.')  # fmt: skip


@exercise("broadcast")
def the_sender_is_left_out(chat: Stage) -> None:
    """The server leaves the sender out, and their page shows the message when it is acknowledged."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        ada.say("Hello")
        bo_heard = bo.hear("new_message")
        bo.say("Hello, Ada")
        ada.hear("new_message")  # Bo's answer: what was meant for Ada before it has arrived
        own = any(each.get("text") == "Hello" for each in ada.messages_heard())
    if own:
        raise NotAttempted("Ada does not receive her own message from the server.", "she does",
                           unknown_option(chat) or
                           "`emit` has an option for this: `include_self=False`.")  # fmt: skip
    expect(bo_heard is not None, "Bo still receives what Ada sends.", "he does not",
           "Keep `broadcast=True` next to `include_self=False`.")  # fmt: skip
    everyone_sees_a_message(chat)
