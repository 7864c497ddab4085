"""Somebody reads slowly: every byte arrives as it was meant, and nobody else waits for it."""

import hashlib
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.load import Line
from tests.faults.mutants import Change, mutant
from tests.final_app.rig import Person, Server

ANSWERS = 40
MESSAGES = 24  # in an answer: about 300 kB
TEXT = 3000  # characters
UNREAD = 1.5  # seconds in which nothing is read
BUFFER = 32768  # bytes that the kernel keeps for the reader
PIECE, PAUSE = 16384, 0.001  # bytes read at once, seconds between two reads
TRIES = 3  # of a mutant
PROMPT = 1.0  # seconds until somebody else is answered

WRITE = "_in_turn(self.websocket.raw_write)"
SHORT_WRITES: Change = ("wire/handler.py", WRITE, "_in_turn(self.socket.send)")
NO_TURNS: Change = ("wire/handler.py", WRITE, "self.websocket.raw_write")
BLOCKING: Change = (
    "wire/handler.py",
    "            write(frame)\n",
    """\
            if len(frame) > 100_000 and not blocked:
                from gevent.monkey import get_original
                blocked.append(get_original("time", "sleep")(1.5))
            write(frame)

    blocked = []
""",
)


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        (None, ""),
        (SHORT_WRITES, "bytes"),
        pytest.param(NO_TURNS, "bytes", marks=pytest.mark.long),
        pytest.param(BLOCKING, "others", marks=pytest.mark.long),
    ],
    ids=["as shipped", "short writes", "a pong inside a frame", "writes that block"],
)
def test_a_slow_reader_gets_every_byte_and_holds_nobody_up(
    tmp_path: Path, change: Change | None, noticed: str
) -> None:
    code = {"code": mutant(tmp_path, change)} if change else {}
    wrong: dict[str, object] = {}
    for attempt in range(TRIES if change else 1):  # not every pong comes in the middle of a frame
        server = Server(tmp_path / f"data-{attempt}", **code).start()
        try:
            wrong = read_slowly(server)
        finally:
            server.stop(9)
        if wrong:
            break
    assert list(wrong) == ([noticed] if noticed else []), wrong


def read_slowly(server: Server) -> dict[str, object]:
    ada = Person(server, "ada").begin()
    bo = Line(Person(server, "bo").register(ada.invite()))
    room = ada.ask("POST", "/rooms", {"name": "Long", "kind": "closed"})["room"]["id"]
    writer = Line(ada)
    for number in range(MESSAGES):
        text = f"{number} " + "blåbærgrød " * 300
        assert writer.ask("new_message", a_message(room, text[:TEXT]))["ok"]
    pages = ada.ask("GET", f"/api/rooms/{room}/messages?limit=100")["messages"]
    assert len(pages) == MESSAGES
    writer.close()
    slow = Line(ada, sockopt=((socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER),))
    ended, most = threading.Event(), [0.0]
    others = threading.Thread(target=talk, args=[bo, ended, most])
    others.start()
    for _ in range(ANSWERS):
        slow.send("sync", {"rooms": {str(room): 0}})
    for _ in range(ANSWERS):
        slow.ws.ping("in the middle of a frame")
    time.sleep(UNREAD)
    try:
        missed = {"changes": pages, "last_rev": MESSAGES, "reset": False}
        same, size = compare(slow, {"ok": True, "rooms": {str(room): missed}})
    finally:
        ended.set()
        others.join()
    print(
        f"\n{same} of {ANSWERS} answers right, {size / 1e6:.1f} MB; others' slowest {most[0]:.3f} s"
    )
    found = {"bytes": same != ANSWERS and same, "others": most[0] >= PROMPT and most[0]}
    return {name: value for name, value in found.items() if value is not False}


def compare(slow: Line, expected: dict[str, Any]) -> tuple[int, int]:
    """Return how many answers in a row are what HTTP said, byte for byte, and their size."""
    digests, size = [], 0
    for opcode, payload in frames(slow.ws.sock):
        if opcode == 0xA or payload == b"2" or payload.startswith(b'42["new_message",'):
            continue  # a pong, Engine.IO's ping, and what is said elsewhere meanwhile
        start = payload.find(b"[")
        if opcode != 1 or not payload.startswith(b"43"):
            break
        try:
            if json.loads(payload[start:]) != [expected]:
                break
        except ValueError:
            break
        digests.append(hashlib.sha256(payload[start:]).hexdigest())
        size += len(payload)
        if len(digests) == ANSWERS:
            break
    return sum(digest == digests[0] for digest in digests), size


def frames(line: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Read WebSocket frames (RFC 6455, section 5.2) in small pieces, with pauses."""
    line.settimeout(5)
    data = bytearray()

    def take(count: int) -> bytes:
        while len(data) < count:
            time.sleep(PAUSE)
            try:
                piece = line.recv(PIECE)
            except OSError:
                piece = b""
            if not piece:
                raise EOFError
            data.extend(piece)
        taken = bytes(data[:count])
        del data[:count]
        return taken

    while True:
        try:
            first, length = take(2)
            if length >= 126:
                length = int.from_bytes(take(2 if length == 126 else 8))
            if length > 10_000_000:
                return
            yield first & 0xF, take(length)
        except EOFError:
            return


def talk(line: Line, ended: threading.Event, most: list[float]) -> None:
    while not ended.is_set():
        began = time.monotonic()
        assert line.ask("new_message", a_message(1, "hello"))["ok"]
        most[0] = max(most[0], time.monotonic() - began)


def a_message(room: int, text: str) -> dict[str, Any]:
    return {"room": room, "client_id": str(uuid.uuid4()), "text": text}
