"""Ada, Bo and Cy: python-socketio's own clients, with a tape that keeps what went over the wire."""

import json
import logging
from dataclasses import dataclass

import socketio

from workshop.stages import Stage


@dataclass(frozen=True)
class Packet:
    """One Engine.IO packet: `sent` by the client or received; `kind` such as MESSAGE, PING."""

    sent: bool
    kind: str
    data: object


class Tape(logging.Logger):
    """Keeps the packets that python-engineio's client reports to its `engineio_logger`."""

    def __init__(self) -> None:
        super().__init__("tape", logging.INFO)
        self.packets: list[Packet] = []

    def handle(self, record: logging.LogRecord) -> None:
        message = str(record.msg)
        if message.startswith(("Sending packet", "Received packet")):
            kind, data = record.args  # type: ignore[misc]
            self.packets.append(Packet(message.startswith("Sending"), str(kind), data))


def cast(chat: Stage, *names: str) -> list[socketio.SimpleClient]:
    """Connect one `socketio.SimpleClient` per name to a running stage, and return them in order.

    The name travels as `auth={"username": name}`; a stage that does not ask for it ignores it.
    """
    people = []
    for name in names:
        person = socketio.SimpleClient(engineio_logger=Tape())
        person.connect(chat.url, auth={"username": name})
        people.append(person)
    return people


def tape_of(client: socketio.SimpleClient) -> Tape:
    """Return the tape a client was made with. Raises TypeError for a client without one."""
    tape = client.client_kwargs.get("engineio_logger")
    if not isinstance(tape, Tape):
        raise TypeError(
            "This client keeps no tape. Expected one that `cast` made, "
            "or socketio.SimpleClient(engineio_logger=Tape())."
        )
    return tape


def meaning(packet: Packet) -> str:
    """Say in words what a Socket.IO packet is; "" for what is Engine.IO's own business.

    The first digit is the packet type of the Socket.IO protocol, version 5: 0 CONNECT,
    1 DISCONNECT, 2 EVENT, 3 ACK, 4 CONNECT_ERROR. Digits after it are the acknowledgement's number.
    """
    if packet.kind != "MESSAGE" or not isinstance(packet.data, str):
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
