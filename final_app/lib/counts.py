"""What this process has done since it started, as plain numbers. `web.metrics` shows them.

Adding to a number is all that the rest of the chat does, so counting costs nothing that matters. Two
threads that add at the same moment could lose an addition. Under gevent, there is one thread.
"""

from collections import Counter
from collections.abc import Callable, Iterable

facts: Counter[str] = Counter()  # that were stored, by type
transactions = 0  # that were committed
transaction_seconds = 0.0  # from asking for them to their commit, all together
deliveries = 0  # broadcast events, once for each socket that they were sent to
connects = 0  # sockets of people that were let in
dropped = 0  # connections that were closed because their client did not read


def _nothing() -> int:
    return 0


queued_bytes: Callable[[], int] = (
    _nothing  # that wait for clients; the server of the sockets sets it
)


def committed(stored: Iterable[object], seconds: float) -> None:
    """Count a transaction that took some seconds, and what it stored."""
    global transactions, transaction_seconds
    transactions += 1
    transaction_seconds += seconds
    for fact in stored:
        facts[type(fact).__name__] += 1
