"""Find out whether the chat can write. Frequent checks do not cost more than rare ones."""

import threading
from collections.abc import Callable

from final_app.errors import Busy, Unavailable
from final_app.lib import clock
from final_app.storage import database
from final_app.storage.transaction import try_to_write

EVERY = 1.0  # seconds between two attempts to write; in between, the last result is used
PATIENCE = 1.0  # seconds that an attempt waits for the database

HELD = "Another program has locked the database."
STUCK = "An earlier write of the chat itself has not finished yet."


class Readiness:
    """The last result in this process: why the chat cannot write, or "" if it can."""

    def __init__(self, attempt: Callable[[float], None] = try_to_write) -> None:
        self._attempt = attempt
        self._one_at_a_time = threading.Lock()
        self._answer = "The chat has not tried to write yet."
        self._tried = -EVERY  # on the monotonic clock

    def problem(self) -> str:
        """Return a sentence that explains why the chat cannot write, or "" if it can.

        If another call is just trying to write, this one waits for its result, but at most PATIENCE.
        With PostgreSQL, the other call may wait longer, for example because the network has failed.
        """
        if not self._one_at_a_time.acquire(timeout=PATIENCE):
            return STUCK
        try:
            if clock.seconds() - self._tried >= EVERY:
                self._answer = self._try()
                self._tried = clock.seconds()
        finally:
            self._one_at_a_time.release()
        return self._answer

    def _try(self) -> str:
        try:
            self._attempt(PATIENCE)
        except Busy:
            return HELD if database.current().is_held_by_others else STUCK
        except Unavailable as problem:
            return problem.message
        return ""
