"""Counts of what this process has done since it started. `web.metrics` publishes them.

The rest of the chat only adds to these numbers, so counting takes almost no time. If two threads add at
the same moment, one of the additions can be lost. Under gevent, there is only one thread.
"""

from collections import Counter
from collections.abc import Callable, Iterable

facts: Counter[str] = Counter()  # stored facts by type
transactions = 0  # committed transactions
transaction_seconds = 0.0  # total time of these transactions, including the time that they waited
deliveries = 0  # broadcast events; an event counts once for each socket that receives it
connects = 0  # sockets that were accepted, because their user was logged in
dropped = 0  # connections that were closed because their client did not read
queued_bytes: Callable[[], int] = int  # bytes that wait for clients; `realtime.server` sets this


def committed(stored: Iterable[object], seconds: float) -> None:
    """Count a committed transaction, the seconds that it took, and the facts that it stored."""
    global transactions, transaction_seconds
    transactions += 1
    transaction_seconds += seconds
    for fact in stored:
        facts[type(fact).__name__] += 1
