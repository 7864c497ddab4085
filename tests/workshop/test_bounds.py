"""A step that is served by threads: a stranger's large message uses up neither memory nor a thread."""

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
import websocket

from tests.busy import within
from workshop import manifest
from workshop.stages import child_environment, flask_run

MB = 1_000_000
ALLOWED = MB  # bytes; Engine.IO's `max_http_buffer_size`
GROWTH = 12 * MB  # bytes of memory: a message up to the bound, in several copies
PROMPT = 1.0  # seconds until somebody else is answered
PATIENCE = 10.0  # seconds
CONTINUATION, TEXT, CLOSE = 0, 1, 8
TOO_LARGE = (1009).to_bytes(2)  # RFC 6455, section 7.4.1
STRANGERS = 12  # at one after another: not each of them would leave a thread behind
WAYS = {
    "the workshop": flask_run(0),
    "flask run": ["-m", "flask", "run", "--port", "0"],
    # `python app.py`, with a port of its own and without the question whether this is a terminal
    "python app.py": [
        "-c",
        "from app import app, socketio; socketio.run(app, port=0, allow_unsafe_werkzeug=True)",
    ],
}
STEPS = [step for step in manifest.steps() if step.number >= "04"]
# The bound comes with the line that registers the browser's client, which no later step changes. So
# the first step is tried in every way, and the last step, which has everything, in the way that has
# nothing of the workshop's and nothing of Flask's command.
ALWAYS = [*((STEPS[0], way) for way in WAYS), (STEPS[-1], "python app.py")]
EVERY_STEP_IN_EVERY_WAY = [
    pytest.param(
        step, way, id=f"{step.number}, {way}",
        marks=[] if (step, way) in ALWAYS else pytest.mark.long,
    )
    for step in STEPS for way in WAYS
]  # fmt: skip


@contextlib.contextmanager
def served(step: manifest.Step, way: str, data: Path) -> Iterator["Served"]:
    process = subprocess.Popen(
        [sys.executable, *WAYS[way]], cwd=step.folder, env=child_environment(step.folder, data=data),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
    )  # fmt: skip
    try:
        assert process.stdout
        log = ""
        while not (found := re.search(r"Running on http://127\.0\.0\.1:(\d+)", log)):
            log += process.stdout.readline()
            assert process.poll() is None, log
        yield Served(process.pid, int(found[1]))
    finally:
        process.kill()
        process.communicate()


class Served:
    """A running step, from the points of view of a stranger and of its operator."""

    def __init__(self, pid: int, port: int) -> None:
        self.process = psutil.Process(pid)
        self.port = port
        self.answers()  # the first request loads more code

    def answers(self) -> float:
        """Request the first page. Return how many seconds this took."""
        began = time.monotonic()
        requests.get(f"http://127.0.0.1:{self.port}/", timeout=PATIENCE)
        return time.monotonic() - began

    def stranger(self) -> websocket.WebSocket:
        address = f"ws://127.0.0.1:{self.port}/socket.io/?EIO=4&transport=websocket"
        line = websocket.create_connection(address, timeout=PATIENCE)
        assert str(line.recv()).startswith("0")
        return line

    def memory(self) -> int:
        return int(self.process.memory_info().rss)

    def has_threads(self, count: int) -> bool:
        """Wait until the process has no more than this many threads."""
        end = time.monotonic() + PATIENCE
        while self.process.num_threads() > count and time.monotonic() < end:
            time.sleep(0.05)
        return self.process.num_threads() <= count


def announcement(length: int) -> bytes:
    """Return the header of a frame that announces `length` bytes. Its mask changes no bytes."""
    return b"\x81\xff" + length.to_bytes(8) + bytes(4)


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True) -> bytes:
    return bytes(websocket.ABNF.create_frame(payload, opcode, int(fin)).format())


def send(line: websocket.WebSocket, data: bytes, times: int) -> int:
    """Send `data` again and again, as long as the server reads. Return how often this succeeded."""
    for number in range(times):
        try:
            line.sock.sendall(data)
        except OSError:
            return number
    return times


def ending(line: websocket.WebSocket) -> bytes:
    """Return the payload of the close frame."""
    opcode, data = line.recv_data()
    while opcode != CLOSE:
        opcode, data = line.recv_data()
    return bytes(data[:2])


@pytest.mark.parametrize(("step", "way"), EVERY_STEP_IN_EVERY_WAY)
def test_a_message_that_is_too_long_costs_nothing(
    step: manifest.Step, way: str, tmp_path: Path
) -> None:
    with served(step, way, tmp_path) as chat:
        before, threads = chat.memory(), chat.process.num_threads()
        announced = chat.stranger()
        announced.sock.sendall(announcement(600 * MB))
        send(announced, b"x" * MB, 60)
        in_fragments = chat.stranger()
        in_fragments.sock.sendall(frame(b"4", fin=False))
        send(in_fragments, frame(b"x" * 60_000, CONTINUATION, fin=False), 1000)
        assert within(chat.answers(), PROMPT)
        assert (ending(announced), ending(in_fragments)) == (TOO_LARGE, TOO_LARGE)
        assert chat.memory() - before < GROWTH
        for _ in range(STRANGERS):
            line = chat.stranger()
            line.sock.sendall(announcement(2 * MB) + b"x" * (ALLOWED + MB // 2))
            assert ending(line) == TOO_LARGE
            line.shutdown()
        announced.shutdown()
        in_fragments.shutdown()
        # Engine.IO has one that watches all, and one for each that sleeps until the next ping.
        assert chat.has_threads(threads + 1 + STRANGERS + 2)


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_message_as_long_as_is_allowed_arrives(pieces: int, tmp_path: Path) -> None:
    start, end = b'40{"pad":"', b'"}'
    packet = start + b"x" * (ALLOWED - len(start) - len(end)) + end
    size = ALLOWED // pieces + 1
    with served(STEPS[0], "flask run", tmp_path) as chat:
        line = chat.stranger()
        for at in range(0, ALLOWED, size):
            piece, opcode = packet[at : at + size], CONTINUATION if at else TEXT
            line.sock.sendall(frame(piece, opcode, fin=at + size >= ALLOWED))
        assert str(line.recv()).startswith("40")
        line.close()
