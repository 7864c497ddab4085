"""Group commit: pieces of work that wait for each other share a transaction, and one wait for the disk.

The first piece of work with a key becomes a group by itself. What comes while this group runs has to
wait, and then becomes the next group. Nothing ever waits in order to make a group larger.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from final_app.errors import Unavailable

MOST = 32  # pieces of work in a group

T = TypeVar("T")
Work = Callable[[], Any]


class Groups:
    """The groups of one process. `run_all` runs several pieces of work in a single transaction."""

    def __init__(self, run_all: Callable[[list[Work]], list[Any]]) -> None:
        self._run_all = run_all
        self._lock = threading.Lock()
        self._waiting: dict[int, deque[_Entry]] = {}  # by key; a key is there while a group runs

    def run(self, key: int, work: Callable[[], T]) -> T:
        """Run a piece of work in a transaction, perhaps together with others, and return its result.

        If a piece of work fails, the transaction of its group is rolled back. Each piece then runs again
        in a transaction of its own, so that it raises its own error.
        """
        mine = _Entry(work)
        with self._lock:
            waiting = self._waiting.get(key)
            if waiting is None:
                self._waiting[key] = deque()
            else:
                waiting.append(mine)
        if waiting is None or mine.has_to_lead():
            self._lead(key, mine)
        result: T = mine.outcome()
        return result

    def _lead(self, key: int, first: "_Entry") -> None:
        """Run a group, and then let the next one begin."""
        waiting = self._waiting[key]
        with self._lock:
            others = [waiting.popleft() for _ in range(min(len(waiting), MOST - 1))]
        try:
            self._run([first, *others])
        finally:  # even if this greenlet was killed
            for entry in others:
                if entry.is_done:
                    entry.ready.set()
            with self._lock:
                waiting.extendleft(entry for entry in reversed(others) if not entry.is_done)
                if waiting:
                    waiting.popleft().ready.set()  # it is not done, so it leads
                else:
                    del self._waiting[key]

    def _run(self, group: list["_Entry"]) -> None:
        try:
            for entry, result in zip(
                group, self._run_all([each.work for each in group]), strict=True
            ):
                entry.finish(result=result)
        except Exception as problem:
            if len(group) == 1 or isinstance(problem, Unavailable):  # trying again takes too long
                for entry in group:
                    entry.finish(problem=problem)
            else:
                for entry in group:
                    self._run([entry])


class _Entry:
    """A piece of work, and later its result or its error."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.ready = threading.Event()
        self.is_done = False
        self._result: Any = None
        self._problem: Exception | None = None

    def has_to_lead(self) -> bool:
        """Wait until this work is done or has to lead a group. Return whether it has to lead."""
        self.ready.wait()
        return not self.is_done

    def finish(self, *, result: Any = None, problem: Exception | None = None) -> None:
        self._result, self._problem, self.is_done = result, problem, True

    def outcome(self) -> Any:
        """Return the result, or raise the error."""
        if self._problem is not None:
            raise self._problem
        return self._result
