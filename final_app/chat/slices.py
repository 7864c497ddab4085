"""Slices: slow work is done in small pieces, and everybody else gets a turn before each of them.

Formatting a long text or preparing a part of an answer can block the process for 50 ms. Many such pieces
in a row would block it for seconds. So in the whole process, only one slice is done at a time, in the
order in which people ask for one, and nobody else has to wait for more than one slice.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from final_app.lib import clock
from final_app.storage.transaction import release_connection

TURN = 0.001  # seconds for everybody else; with 0, gevent would not look for new requests first

_lock = threading.Lock()
_line: deque[threading.Event] = deque()  # of the slices that are not done; the first one is next


@contextmanager
def one() -> Iterator[None]:
    """Wait for a turn to do one slice, and let the next slice begin after this block.

    Nobody holds a connection to the database while they wait. So this raises RuntimeError in a
    transaction, and later reads of the session see what others have changed in the meantime.
    """
    release_connection()
    mine = threading.Event()
    with _lock:
        _line.append(mine)
        _line[0].set()
    try:
        mine.wait()
        clock.pause(TURN)
        yield
        release_connection()
    finally:  # even if this greenlet was killed while it waited
        with _lock:
            _line.remove(mine)
            if _line:
                _line[0].set()
