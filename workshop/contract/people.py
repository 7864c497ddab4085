"""How a person enters a stage and says something: one small adapter per family of stages.

Promises speak through `enter` and `say` and nothing else, so they stay the same when, from step 06
on, the author comes from the connection and no longer from the message.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import socketio
from socketio.exceptions import ConnectionError as Refused
from socketio.exceptions import TimeoutError as NoAnswer

from workshop.clients import cast, meaning, split_packet, tape_of
from workshop.contract.diagnosis import cause, last_error
from workshop.contract.promise import Broken
from workshop.stages import Stage

ANSWER_TIMEOUT = 3.0  # seconds; on one machine an answer takes milliseconds

_names: WeakKeyDictionary[socketio.SimpleClient, str] = WeakKeyDictionary()


def enter(chat: Stage, name: str) -> socketio.SimpleClient:
    """Connect a person to the stage. Raises Broken when the server lets nobody in."""
    try:
        (client,) = cast(chat, name)
    except Refused as refusal:
        raise Broken(
            expected="A Socket.IO client can connect.",
            seen=str(refusal) or "no connection",
            hint="Is `socketio = SocketIO(app, …)` there, below `app = Flask(__name__)`? "
            "Without it nobody answers at /socket.io/.",
        ) from None
    _names[client] = name
    return client


@contextmanager
def entered(chat: Stage, *names: str) -> Iterator[list[socketio.SimpleClient]]:
    """Connect several people, and let them leave at the end."""
    people = [enter(chat, name) for name in names]
    try:
        yield people
    finally:
        for person in people:
            person.disconnect()


def say(chat: Stage, client: socketio.SimpleClient, text: str) -> object:
    """Send a message and return its acknowledgement. Raises Broken when none comes."""
    return ask(chat, client, "new_message", message(client, text))


def message(client: socketio.SimpleClient, text: str) -> dict[str, str]:
    """Return the message that says `text`, in the shape of this family: steps 04 and 05."""
    return {"username": _names[client], "text": text}


def ask(chat: Stage, client: socketio.SimpleClient, event: str, data: object) -> object:
    """Emit an event and return its acknowledgement. Raises Broken when none comes."""
    try:
        return client.call(event, data, timeout=ANSWER_TIMEOUT)
    except NoAnswer:
        raise Broken(
            expected=f"The event `{event}` is acknowledged.",
            seen=f"no acknowledgement within {ANSWER_TIMEOUT:.0f} s" + _from_log(chat),
            hint=cause(
                chat.log,
                f'No handler took it. Is `@socketio.on("{event}")` there, spelt exactly so?',
            ),
        ) from None


def hear(client: socketio.SimpleClient, event: str) -> object:
    """Wait for the next event; return its data, or None when nothing came in time."""
    while True:
        try:
            name, *data = client.receive(timeout=ANSWER_TIMEOUT)
        except NoAnswer:
            return None
        if name == event:
            return data[0] if data else ""


def heard(client: socketio.SimpleClient) -> list[tuple[str, object]]:
    """Return every event that reached the client so far, in the order of the wire."""
    events = []
    for packet in tape_of(client).packets:
        if not packet.sent and meaning(packet).startswith("event "):
            _, _, payload = split_packet(str(packet.data))
            assert isinstance(payload, list)
            events.append((str(payload[0]), payload[1] if len(payload) > 1 else None))
    return events


def _from_log(chat: Stage) -> str:
    return f"; the server's log says: {last_error(chat.log)}" if "Traceback" in chat.log else ""
