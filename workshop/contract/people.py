"""People in a stage: who enters, who is turned away, and what they hear."""

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import socketio
from socketio.exceptions import ConnectionError as Refused
from socketio.exceptions import DisconnectedError
from socketio.exceptions import TimeoutError as NoAnswer

from workshop.browser import Browser
from workshop.clients import Packet, TurnedAway, connect, meaning, split_packet, tape_of
from workshop.contract.asking import ANSWER_TIMEOUT
from workshop.contract.browse import let_in
from workshop.contract.diagnosis import cause
from workshop.contract.families import Message, family_of
from workshop.contract.promise import Broken
from workshop.stages import Stage

FREE_AGAIN = "A name is free again when its connection ends."
STILL_HERE = (
    "Somebody of this name has left, and is still counted: the handler of `disconnect` must forget "
    "the name of `request.sid`. Or people meet themselves: is the name noted before it is looked up?"
)
NOBODY_ANSWERS = (
    "Is `socketio = SocketIO(app, …)` there, below `app = Flask(__name__)`? Without it nobody answers "
    "at /socket.io/."
)
SAYS_NO = "Look at the handler of `connect`: why does it say no?"
ASKED_TWICE = (
    "The name was sent, and the handler of `connect` says that none came. When a TypeError is raised in "
    "it, Flask-SocketIO calls it again, without `auth`: look for brackets `()` that are missing in it, "
    "or in what it uses."
)

_names: WeakKeyDictionary[socketio.SimpleClient, str] = WeakKeyDictionary()


def enter(chat: Stage, name: str) -> socketio.SimpleClient:
    """Connect a person to the stage. Raises Broken when the server lets nobody in."""
    try:
        with let_in(chat):
            client = family_of(chat).connect(chat, name)
    except TurnedAway as refusal:
        raise Broken(
            sentence=FREE_AGAIN if refusal.code == "conflict" else "",
            expected=f"{name} can connect.",
            seen=f"refused ({refusal.code}): {refusal}",
            hint=cause(chat.log, _why(refusal)),
        ) from None
    except Refused as problem:
        raise Broken(
            expected="A Socket.IO client can connect.",
            seen=str(problem) or "no connection",
            hint=cause(chat.log, NOBODY_ANSWERS),
        ) from None
    _names[client] = name
    return client


def _why(refusal: TurnedAway) -> str:
    if refusal.code == "conflict":
        return STILL_HERE
    return ASKED_TWICE if "None came" in str(refusal) else SAYS_NO


def name_of(client: socketio.SimpleClient) -> str:
    """Return the name under which somebody entered, "" for who did so by their cookie alone."""
    return _names.get(client, "")


@contextmanager
def entered(chat: Stage, *names: str) -> Iterator[list[socketio.SimpleClient]]:
    """Connect several people, and let them leave at the end."""
    people: list[socketio.SimpleClient] = []
    try:
        for name in names:
            people.append(enter(chat, name))
        yield people
    finally:
        for person in people:
            person.disconnect()


def hear(client: socketio.SimpleClient, event: str) -> object:
    """Wait for the next event; return its data, or None when nothing came in time."""
    while True:
        try:
            name, *data = client.receive(timeout=ANSWER_TIMEOUT)
        except (NoAnswer, DisconnectedError):
            return None
        if name == event:
            return data[0] if data else ""


def heard(client: socketio.SimpleClient) -> list[tuple[str, object]]:
    """Return every event that reached the client so far, in the order of the wire."""
    return [_event(packet) for packet in tape_of(client).packets if _is_event(packet)]


def messages_heard(chat: Stage, client: socketio.SimpleClient) -> list[Message]:
    """Return every message that reached the client so far."""
    family = family_of(chat)
    return [family.message_in(data) for name, data in heard(client) if name == "new_message"]


def was_closed(client: socketio.SimpleClient) -> bool:
    """Wait until the server closes the connection; tell whether it did in time."""
    return tape_of(client).wait(
        lambda packet: not packet.sent and meaning(packet) == "disconnect", ANSWER_TIMEOUT
    )


def turned_away(
    chat: Stage, name: str | None = None, browser: Browser | None = None
) -> TurnedAway | None:
    """Try to connect, once, and leave again; return the refusal, or None."""
    try:
        connect(chat, name, browser, transports=["websocket"]).disconnect()
    except TurnedAway as refusal:
        return refusal
    return None


def _is_event(packet: Packet) -> bool:
    return not packet.sent and meaning(packet).startswith("event ")


def _event(packet: Packet) -> tuple[str, object]:
    _, _, content = split_packet(str(packet.data))
    assert isinstance(content, list)
    return str(content[0]), content[1] if len(content) > 1 else None
