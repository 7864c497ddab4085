"""A small thread pool for work that would block the event loop, such as hashing a password.

Pass and return only plain data, because other threads cannot use database sessions and requests.
"""

import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

AT_ONCE = 2  # tasks at the same time; each argon2 hash takes 64 MiB of memory

P = ParamSpec("P")
T = TypeVar("T")

_slots = threading.BoundedSemaphore(AT_ONCE)


def run_in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call work(…) and return its result. With gevent, a real thread runs it, not the event loop."""
    with _slots:
        return run_at_once(work, *args, **kwargs)


def run_at_once(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Like `run_in_thread`, but don't wait for other tasks. The caller limits how many there are."""
    if not gevent_is_used():
        return work(*args, **kwargs)
    from gevent import get_hub
    from gevent.util import wrap_errors

    # gevent would also print a traceback of each error that leaves the thread.
    result: T | Exception = get_hub().threadpool.apply(wrap_errors(Exception, work), args, kwargs)
    if isinstance(result, Exception):
        raise result
    return result


def gevent_is_used() -> bool:
    """Return whether gevent has patched the standard library, as `python -m final_app` makes it do."""
    from gevent import monkey

    return bool(monkey.is_module_patched("socket"))
