"""Ada, Bo and Cy: python-socketio's own clients, with a tape that records every packet."""

import json
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import requests
import socketio
from socketio.exceptions import ConnectionError as Refused

from workshop import in_order
from workshop.browser import Browser, asks_for_a_password
from workshop.manifest import step_about
from workshop.stages import Stage

LEAVING_TIMEOUT = 3.0  # seconds; the server notices within milliseconds that somebody left

_casts: dict[tuple[str, tuple[str, ...]], list[socketio.SimpleClient]] = {}  # by address and names
_sessions: WeakKeyDictionary[socketio.SimpleClient, Browser] = WeakKeyDictionary()
_names: WeakKeyDictionary[socketio.SimpleClient, str] = WeakKeyDictionary()


class TurnedAway(Refused):  # type: ignore[misc]
    """The stage refused the connection. The message is for users, and `code` is for programs."""

    def __init__(self, reason: dict[str, object]) -> None:
        data = reason.get("data")
        self.code = str(data.get("code", "")) if isinstance(data, dict) else ""
        super().__init__(str(reason.get("message", "")))


@dataclass(frozen=True)
class Packet:
    """One Engine.IO packet that the client sent or received. `kind` is MESSAGE or PING, for example."""

    sent: bool
    kind: str
    data: object
    at: float = field(default_factory=time.monotonic)


class Tape(logging.Logger):
    """A logger that records the packets that python-engineio's client logs (`engineio_logger`)."""

    def __init__(self) -> None:
        super().__init__("tape", logging.INFO)
        self.packets: list[Packet] = []
        self._news = threading.Condition()

    def handle(self, record: logging.LogRecord) -> None:
        message = str(record.msg)
        if message.startswith(("Sending packet", "Received packet")):
            kind, data = record.args  # type: ignore[misc]
            with self._news:
                self.packets.append(Packet(message.startswith("Sending"), str(kind), data))
                self._news.notify_all()

    def wait(self, wanted: Callable[[Packet], bool], timeout: float) -> bool:
        """Wait for a packet for which `wanted` is true. Return whether there is one in time."""
        with self._news:
            return self._news.wait_for(lambda: any(map(wanted, self.packets)), timeout)


def cast(chat: Stage, *names: str) -> list[socketio.SimpleClient]:
    """Connect one `socketio.SimpleClient` per name to a running stage, and return them in order.

    Each client sends its name as `auth={"username": name}`, which early steps ignore. If the stage
    asks for a password, each person first registers or logs in, in their own session, which is
    `session_of(ada)`. If a cell runs again with the same names, the earlier clients disconnect first.
    Raises socketio's ConnectionError with the reason if the stage refuses somebody, and RuntimeError if
    the stage is not running.
    """
    try:
        return _enter(chat, names)
    except (requests.ConnectionError, Refused) as problem:
        if chat.alive or isinstance(problem, TurnedAway):
            raise
        raise RuntimeError(
            f"{chat.name} is stopped.\nExpected: a stage that is running.\n"
            "What to do: run the cell with `stage(…)` again, then this one."
        ) from None


def _enter(chat: Stage, names: tuple[str, ...]) -> list[socketio.SimpleClient]:
    locked = chat.name[:2] >= step_about("accounts").number and asks_for_a_password(chat)
    for person in (before := _casts.get((chat.url, names), [])):
        person.disconnect()
    people = _casts[chat.url, names] = []
    for name in names:
        session = Browser(chat) if locked else None
        if session is not None:
            session.enter(name)
        enter = connect_when_free if before else connect
        people.append(enter(chat, name, session))
    return [*people]


def connect_when_free(
    chat: Stage,
    name: str | None,
    session: Browser | None = None,
    transports: list[str] | None = None,
) -> socketio.SimpleClient:
    """Connect like `connect`, but try again if the name is taken by somebody who has just left.

    The stage may not have noticed yet that this person has left.
    """
    end = time.monotonic() + LEAVING_TIMEOUT
    while True:
        try:
            return connect(chat, name, session, transports)
        except TurnedAway as refusal:
            if refusal.code != "conflict" or time.monotonic() > end:
                raise


def connect(
    chat: Stage,
    name: str | None,
    session: Browser | None = None,
    transports: list[str] | None = None,
    tape: Tape | None = None,
) -> socketio.SimpleClient:
    """Open one socket, with or without a name, and with the cookies of a session if there is one.

    Pass a `tape` to see the packets before a refusal. Raises TurnedAway if the stage refuses the
    connection, and Refused if no server answers.
    """
    tape, wire = tape or Tape(), requests.Session()
    wire.trust_env = False
    if session is not None:
        wire.cookies = session.cookies
    person = in_order.SimpleClient(engineio_logger=tape, http_session=wire)
    auth = None if name is None else {"username": name}
    try:
        person.connect(chat.url, auth=auth, transports=transports)
    except Refused:
        reason = refusal_on(tape)
        if reason is None:
            raise
        raise TurnedAway(reason) from None
    if session is not None:
        _sessions[person] = session
    if name:
        _names[person] = name
    return person


def session_of(client: socketio.SimpleClient) -> Browser:
    """Return the session in which a client of the cast is logged in, for requests over HTTP.

    The session needs only a path, and sends the CSRF token as a page does: session_of(ada).get("/chat")
    or session_of(ada).post("/logout"). Raises LookupError for a client without a session.
    """
    if client not in _sessions:
        raise LookupError(
            "This client has no session.\nExpected: a client that `cast` connected to a stage that "
            f"asks for a password (step {step_about('accounts').number} or later)."
        )
    return _sessions[client]


def name_of(client: socketio.SimpleClient) -> str:
    """Return the name that a client sent when it connected, or "Somebody" if it sent none."""
    return _names.get(client, "Somebody")


def tape_of(client: socketio.SimpleClient) -> Tape:
    """Return the tape of a client. Raises TypeError for a client without one."""
    tape = client.client_kwargs.get("engineio_logger")
    if not isinstance(tape, Tape):
        raise TypeError(
            "This client has no tape.\nExpected: a client that `cast` connected, or "
            "socketio.SimpleClient(engineio_logger=Tape())."
        )
    return tape


def refusal_on(tape: Tape) -> dict[str, object] | None:
    """Return the server's reason for refusing the connection, or None if it did not refuse it.

    The reason is {"message": …}, and it can also contain "data".
    """
    for packet in tape.packets:
        if meaning(packet) == "refused":
            _, _, payload = split_packet(str(packet.data))
            return payload if isinstance(payload, dict) else {"message": payload}
    return None


def meaning(packet: Packet) -> str:
    """Describe a Socket.IO packet of the main namespace in words. Return "" for other packets.

    The first digit is the packet type of the Socket.IO protocol, version 5: 0 CONNECT,
    1 DISCONNECT, 2 EVENT, 3 ACK, 4 CONNECT_ERROR. The digits after the type are the number of the
    acknowledgement.
    """
    if packet.kind != "MESSAGE" or not isinstance(packet.data, str) or packet.data[1:2] == "/":
        return ""
    kind, number, payload = split_packet(packet.data)
    if kind == "2":
        name = payload[0] if isinstance(payload, list) and payload else "?"
        return f"event {name}" + (f", acknowledgement {number} wanted" if number else "")
    if kind == "3":
        return f"acknowledgement {number}"
    return {"0": "connect", "1": "disconnect", "4": "refused"}.get(kind, "")


def split_packet(data: str) -> tuple[str, str, object]:
    """Split `20["hello",1]` into its type "2", its number "0" and its payload."""
    digits = len(data) - len(data.lstrip("0123456789"))
    payload = json.loads(data[digits:]) if data[digits:] else None
    return data[:1], data[1:digits], payload


def frame_text(packet: Packet) -> str:
    """Return a packet's text without session ids and times, because these differ on every run."""
    text = re.sub(r'"sid":"[^"]+"', '"sid":"…"', str(packet.data))
    return re.sub(r'"\d{4}-\d\d-\d\dT[\d:.]+Z"', '"…"', text)
