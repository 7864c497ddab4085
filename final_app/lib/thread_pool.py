"""A small thread pool for work that would block the event loop, such as hashing a password.

Pass and return plain data only: database sessions and requests cannot be used in other threads.
"""

import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

AT_ONCE = 2  # argon2 takes 64 MiB each

P = ParamSpec("P")
T = TypeVar("T")

_slots = threading.BoundedSemaphore(AT_ONCE)


def run_in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return work(…). With gevent, it runs in a real thread, so that the event loop continues."""
    with _slots:
        if not gevent_is_used():
            return work(*args, **kwargs)
        from gevent import get_hub

        result: T = get_hub().threadpool.apply(work, args, kwargs)
        return result


def gevent_is_used() -> bool:
    """Return whether gevent has patched the standard library, as it does in `python -m final_app`."""
    from gevent import monkey

    return bool(monkey.is_module_patched("socket"))
