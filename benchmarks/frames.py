"""Measure the CPU time that the server needs to read a frame of a client.

    python -m benchmarks.frames

A thread outside gevent writes masked text frames into a socket, as a client does. `WebSocket.receive`
reads them. Only the thread that reads is measured. Frames that arrive together are read together, so
there are two results: for frames that arrive one by one, and for a client that sends without a pause.
"""

import os
import socket
import struct
import sys
import time

import gevent.socket
from gevent.threadpool import ThreadPool
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from benchmarks.processes import spread
from final_app.wire.websocket import WebSocket

ROUNDS, FRAMES = 7, 20_000
SIZE = 180  # bytes of a `new_message` with 100 characters


def masked(text: bytes) -> bytes:
    """Return a text frame as a client sends it (RFC 6455, section 5.2)."""
    mask = os.urandom(4)
    data = bytes(byte ^ mask[place % 4] for place, byte in enumerate(text))
    return struct.pack("!BBH", 0x81, 0x80 | 126, len(text)) + mask + data


def measured(*, one_by_one: bool) -> float:
    """Return the microseconds of CPU time for each frame."""
    near, far = socket.socketpair()
    green = gevent.socket.socket(near.family, near.type, near.proto, near.detach())
    websocket = WebSocket(green, ServerProtocol(state=OPEN), b"")
    frame, pool = masked(b"4" * SIZE), ThreadPool(1)

    def write() -> None:
        for _ in range(FRAMES):
            far.sendall(frame)
            if one_by_one:
                far.recv(1)

    def answer() -> None:
        if one_by_one:
            green.send(b"1")

    writer = pool.spawn(write)
    began = time.thread_time()
    for _ in range(FRAMES):
        message = websocket.receive()
        assert message is not None and len(message) == SIZE
        answer()
    spent = time.thread_time() - began
    writer.get()
    websocket.abort()
    far.close()
    pool.kill()
    return spent / FRAMES * 1e6


def main() -> int:
    print("| frames of 180 bytes arrive | µs of CPU for each |\n|---|---|")
    for name, one_by_one in (("without a pause", False), ("one by one", True)):
        rounds = [measured(one_by_one=one_by_one) for _ in range(ROUNDS)]
        print(f"| {name} | {spread(rounds, 1)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
