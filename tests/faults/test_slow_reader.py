"""Somebody reads slowly or not at all: every byte arrives unchanged, or the connection ends.

Nobody else has to wait for this client.
"""

import hashlib
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from final_app.wire.websocket import STALLED
from tests.busy import within
from tests.faults.load import Line
from tests.faults.mutants import Change, mutant
from tests.final_app.rig import Person, Server
from tests.wire.raw import MB, is_dropped

ROUNDS, AT_ONCE = 12, 3  # answers that wait together are fewer than the bound allows
ANSWERS = ROUNDS * AT_ONCE
GREEDY = 40  # answers that somebody asks for who reads none
MESSAGES = 16  # in an answer: about 230 kB, near the most that an answer has
TEXT = 3700  # characters; with formatting, a message has them twice: as text and as HTML
UNREAD = 1.5  # seconds in which nothing is read at first
BUFFER = 32768  # bytes that the kernel keeps for the reader
PIECE, PAUSE = 16384, 0.001  # bytes read at once, seconds between two reads
PING_EVERY = 5  # pieces
TRIES = 3  # of a mutant
PROMPT = 1.0  # seconds until somebody else is answered
SOON = 8.0  # seconds until somebody for whom too much waits is dropped: before STALLED
GROWTH = 4 * MB  # bytes of memory that somebody who does not read may cost

FILE = "wire/websocket.py"
SEND = "data = data[self._sock.send(data, timeout=0.0) :]"
SHORT_WRITES: Change = (FILE, SEND, 'data = self._sock.send(data, timeout=0.0) and b""')
NO_ORDER: Change = (
    FILE,
    "if data and not self._unsent:",
    "if data and (len(data) < 200 or not self._unsent):",
)
BLOCKING: Change = (
    FILE,
    SEND,
    "bare = self._sock._sock; bare.setblocking(True); bare.sendall(data); data = b''; "
    "bare.setblocking(False)",
)
NO_BOUND: Change = (FILE, "if len(self._unsent) > MOST_UNSENT:", "if False:")
NO_DEADLINE: Change = (FILE, "with gevent.Timeout(STALLED):", "if True:")


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        (None, ""),
        (SHORT_WRITES, "bytes"),
        pytest.param(NO_ORDER, "bytes", marks=pytest.mark.long),
        pytest.param(BLOCKING, "others", marks=pytest.mark.long),
    ],
    ids=["as shipped", "short writes", "a pong overtakes", "writes that block"],
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
    assert noticed in wrong if noticed else wrong == {}, wrong


def read_slowly(server: Server) -> dict[str, object]:
    ada = Person(server, "ada").begin()
    bo = Line(Person(server, "bo").register(ada.invite()))
    room, pages = long_room(ada)
    slow = Line(ada, sockopt=((socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER),))
    ended, most = threading.Event(), [0.0]
    others = threading.Thread(target=talk, args=[bo, ended, most])
    others.start()
    try:
        missed = {"changes": pages, "last_rev": MESSAGES, "reset": False, "more": False}
        same, size = compare(slow, room, {"ok": True, "rooms": {str(room): missed}})
    finally:
        ended.set()
        others.join()
    print(
        f"\n{same} of {ANSWERS} answers right, {size / 1e6:.1f} MB; others' slowest {most[0]:.3f} s"
    )
    found = {"bytes": same != ANSWERS and same, "others": not within(most[0], PROMPT) and most[0]}
    return {name: value for name, value in found.items() if value is not False}


def long_room(ada: Person) -> tuple[int, list[dict[str, Any]]]:
    """Create a room whose messages fill an answer. Return its ID and the messages."""
    room = ada.ask("POST", "/rooms", {"name": "Long", "kind": "closed"})["room"]["id"]
    writer = Line(ada)
    for number in range(MESSAGES):
        text = f"**{number}** " + "blåbærgrød ブルーベリー粥 " * 200
        assert writer.ask("new_message", a_message(room, text[:TEXT]))["ok"]
    writer.close()
    pages = ada.ask("GET", f"/api/rooms/{room}/messages?limit=100")["messages"]
    assert len(pages) == MESSAGES
    return room, pages


def compare(slow: Line, room: int, expected: dict[str, Any]) -> tuple[int, int]:
    """Return how many answers in a row are identical to HTTP's, byte for byte, and their size."""
    digests, size = [], 0
    packets = frames(slow)
    for number in range(ROUNDS):
        for _ in range(AT_ONCE):
            slow.send("sync", {"rooms": {str(room): 0}})
        time.sleep(0 if number else UNREAD)
        for payload in answers(packets):
            start = payload.find(b"[")
            try:
                if json.loads(payload[start:]) != [expected]:
                    return len(digests), size
            except ValueError:
                return len(digests), size
            digests.append(hashlib.sha256(payload[start:]).hexdigest())
            size += len(payload)
    return sum(digest == digests[0] for digest in digests), size


def answers(packets: Iterator[tuple[int, bytes]]) -> Iterator[bytes]:
    """Return the acknowledgements of one round, or whatever arrives instead."""
    left = AT_ONCE
    while left:
        opcode, payload = next(packets, (0, b""))
        if opcode == 0xA or payload == b"2" or payload.startswith(b"42["):
            continue  # a pong, Engine.IO's ping, and what is said elsewhere meanwhile
        yield payload if opcode == 1 and payload.startswith(b"43") else b""
        left -= 1


def frames(slow: Line) -> Iterator[tuple[int, bytes]]:
    """Read WebSocket frames (RFC 6455, section 5.2) in small pieces, with pauses and pings."""
    line = slow.ws.sock
    line.settimeout(5)
    data = bytearray()
    pieces = 0

    def take(count: int) -> bytes:
        nonlocal pieces
        while len(data) < count:
            time.sleep(PAUSE)
            pieces += 1
            try:
                if pieces % PING_EVERY == 0:
                    slow.ws.ping("in the middle of a frame")
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


@pytest.mark.parametrize(
    "change", [None, pytest.param(NO_BOUND, marks=pytest.mark.long)], ids=["as shipped", "no bound"]
)
def test_somebody_who_reads_nothing_is_dropped_and_loses_nothing(
    tmp_path: Path, change: Change | None
) -> None:
    """This happens when 1 MB is waiting. The client reconnects and gets what it missed."""
    code = {"code": mutant(tmp_path, change)} if change else {}
    server = Server(tmp_path / "data", **code).start()
    ada = Person(server, "ada").begin()
    room, pages = long_room(ada)
    assert server.process
    process = psutil.Process(server.process.pid)
    before = warm(ada, room, process)
    deaf = Line(ada, sockopt=((socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER),))
    for _ in range(GREEDY):
        deaf.send("sync", {"rooms": {str(room): 0}})
    began = time.monotonic()
    dropped = is_dropped(deaf.ws.sock, SOON)
    growth = process.memory_info().rss - before
    print(f"\ndropped: {dropped} after {time.monotonic() - began:.2f} s; {growth / MB:.1f} MB more")
    if change:
        assert not dropped
        return
    assert dropped and growth < GROWTH
    writer = Line(ada)
    assert writer.ask("new_message", a_message(room, "meanwhile"))["ok"]
    missed = writer.ask("sync", {"rooms": {str(room): MESSAGES - 1}})["rooms"][str(room)]
    assert [each["text"] for each in missed["changes"]] == [pages[-1]["text"], "meanwhile"]


def warm(ada: Person, room: int, process: psutil.Process) -> int:
    """Make the server allocate some memory that it reuses. Return how much it uses then, in bytes."""
    line = Line(ada)
    for _ in range(GREEDY):
        assert line.ask("sync", {"rooms": {str(room): 0}})["ok"]
    line.close()
    return int(process.memory_info().rss)


@pytest.mark.long
@pytest.mark.parametrize("change", [None, NO_DEADLINE], ids=["as shipped", "no deadline"])
def test_somebody_who_reads_nothing_is_dropped_although_little_waits(
    tmp_path: Path, change: Change | None
) -> None:
    """This happens after ten seconds."""
    assert STALLED == 10
    code = {"code": mutant(tmp_path, change)} if change else {}
    server = Server(tmp_path / "data", **code).start()
    ada = Person(server, "ada").begin()
    room, _ = long_room(ada)
    deaf = Line(ada, sockopt=((socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER),))
    for _ in range(AT_ONCE):
        deaf.send("sync", {"rooms": {str(room): 0}})
    assert not is_dropped(deaf.ws.sock, STALLED - 1)
    assert is_dropped(deaf.ws.sock, 3) is not bool(change)


def talk(line: Line, ended: threading.Event, most: list[float]) -> None:
    while not ended.is_set():
        began = time.monotonic()
        assert line.ask("new_message", a_message(1, "hello"))["ok"]
        most[0] = max(most[0], time.monotonic() - began)


def a_message(room: int, text: str) -> dict[str, Any]:
    return {"room": room, "client_id": str(uuid.uuid4()), "text": text}
