"""Slices: slow work is done in small pieces, and everybody else gets turns in between.

Formatting a long text or preparing a part of an answer can block the process for 50 ms. Many such pieces
in a row would block it for seconds. So the slices begin one after the other, in the order in which
people ask for them, with pauses in between. Everybody else has to wait for SPAN and one slice at most.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from final_app.lib import clock
from final_app.storage.transaction import release_connection

TURN = 0.001  # seconds for everybody else; with 0, gevent would not look for new requests first
SPAN = 0.005  # seconds after such a turn in which short slices begin without another one

_lock = threading.Lock()
_line: deque[threading.Event] = deque()  # of the slices that have not begun; the first one is next
_turn_ended = 0.0


@contextmanager
def one() -> Iterator[None]:
    """Wait for the turn of one slice, and do it in this block.

    While a slice waits, its request holds no connection to the database. After the wait, the session
    therefore sees what others have changed in the meantime. Raises RuntimeError in a transaction, which
    has to keep its connection.
    """
    release_connection()
    _wait()
    yield
    release_connection()


def _wait() -> None:
    """Wait for all slices that were asked for earlier, and then pause, unless the last pause was recent.

    The next slice waits only until this pause has ended. With SQLite, it still begins after this slice,
    which never yields. With PostgreSQL, slices can overlap while they wait for the database.
    """
    global _turn_ended
    mine = threading.Event()
    with _lock:
        _line.append(mine)
        _line[0].set()
    try:
        mine.wait()
        if clock.seconds() > _turn_ended + SPAN:
            clock.pause(TURN)
            _turn_ended = clock.seconds()
    finally:  # even if this greenlet was killed while it waited
        with _lock:
            _line.remove(mine)
            if _line:
                _line[0].set()
