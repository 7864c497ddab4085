"""The body of a request, with a deadline."""

import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

import gevent
from gevent.pywsgi import Input
from werkzeug.exceptions import RequestTimeout

from final_app.wire.websocket import PAUSE, PIECE

BODY, SLOWEST = 20.0, 4_000  # seconds for a body; it gets one more for every 4,000 bytes received
STEP = 16_384  # bytes of a body after which the deadline moves
READS = 1_000  # reads of a chunked body in a row; gevent reads the lines around chunks byte by byte
LARGEST_REST = 65_536  # bytes of a body that are read only so that the connection can be used again


class Body(Input):  # type: ignore[misc]
    """The body of a request. It has a deadline, and after each piece, other requests get a turn.

    As long as more data is already there, gevent keeps reading without switching. A large upload on a
    fast connection would therefore block everything else until its end. Because of the lock, only one of
    many uploads reads a piece in each round of the event loop. This matters because handling a message
    takes several rounds.
    """

    turn = threading.Lock()

    def __init__(self, stock: Input) -> None:
        file = _Chunks(stock.rfile) if stock.chunked_input else stock.rfile
        super().__init__(file, stock.content_length, stock.socket, stock.chunked_input)
        self.deadline = monotonic() + BODY
        self.size = 0  # bytes so far

    def read(self, length: int | None = None) -> bytes:
        if self.chunked_input:
            return self._in_time(super().read, length)
        rest = (self.content_length or 0) - self.position
        left = rest if length is None or length < 0 else min(length, rest)
        pieces = []
        while left > 0:
            pieces.append(self._in_time(super().read, min(left, STEP)))
            left -= len(pieces[-1])
        return b"".join(pieces)

    def readline(self, size: int | None = None) -> bytes:
        return self._in_time(super().readline, size)

    def rest_is_large(self) -> bool:
        """Return whether it is better to close the connection than to read the rest of the body."""
        rest = (self.content_length or 0) - self.position
        return bool(self.chunked_input or rest > LARGEST_REST or monotonic() > self.deadline)

    def _discard(self) -> None:
        with suppress(RequestTimeout):
            if not self.rest_is_large():
                super()._discard()

    def _in_time(self, read: Callable[[int | None], bytes], length: int | None) -> bytes:
        """Read before the deadline. Raises RequestTimeout (408), also if the connection ends."""
        try:
            with gevent.Timeout(max(self.deadline - monotonic(), 0.001), RequestTimeout()):
                piece = read(length)
        except OSError:
            raise RequestTimeout from None
        self.deadline += len(piece) / SLOWEST
        self.size += len(piece)
        if self.size % PIECE < len(piece):  # another piece is complete
            _let_others_run()
        return piece


class _Chunks:
    """The file of a chunked body. After many reads, other requests get a turn, and deadlines can pass.

    A body can have any number of bytes that are not data: after the size of each chunk, and after the
    last chunk. gevent reads all of them without switching, as long as they arrive fast enough.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._reads = 0

    def read(self, size: int) -> bytes:
        return self._counted(self._file.read, size)

    def readline(self, size: int) -> bytes:
        return self._counted(self._file.readline, size)

    def _counted(self, read: Callable[[int], bytes], size: int) -> bytes:
        self._reads += 1
        if self._reads % READS == 0:
            _let_others_run()
        return read(size)


def _let_others_run() -> None:
    """Pause, but of all bodies only one at a time, so that many of them delay nobody."""
    with Body.turn:
        gevent.sleep(PAUSE)
