"""Work that would hold everybody up: hashing a password, say. Plain data in, plain data out."""

import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

AT_ONCE = 2  # argon2 takes 64 MiB each

P = ParamSpec("P")
T = TypeVar("T")

_slots = threading.BoundedSemaphore(AT_ONCE)


def offload(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return work(…); under gevent a real thread does it, and everybody else goes on meanwhile."""
    with _slots:
        if not _patched():
            return work(*args, **kwargs)
        from gevent import get_hub

        result: T = get_hub().threadpool.apply(work, args, kwargs)
        return result


def _patched() -> bool:
    from gevent import monkey

    return bool(monkey.is_module_patched("socket"))
