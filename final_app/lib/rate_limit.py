"""Rate limits: how often a user can do something. The counts are kept in memory."""

import threading
from collections import deque

from limits import RateLimitItem, parse

from final_app.config import Settings
from final_app.errors import RateLimited
from final_app.lib import clock

FORGET_EVERY = 60.0  # seconds between two searches for counts that no longer matter

Counted = tuple[object, ...]  # the kind of action, followed by who did it


class RateLimiter:
    """Counts actions and failed logins. `rates` maps each kind, such as "messages", to its limit.

    The limits use a sliding window: a limit of 60 per minute applies to any period of 60 seconds.
    """

    def __init__(self, settings: Settings) -> None:
        self.rates: dict[str, RateLimitItem] = {
            "messages": parse(settings.limit_messages),
            "uploads": parse(settings.limit_uploads),
            "actions": parse(settings.limit_actions),
            "reads": parse(settings.limit_reads),
            "logins": parse(settings.limit_logins),
            "logins_address": parse(settings.limit_logins_address),
        }
        self._lock = threading.Lock()
        self._times: dict[Counted, deque[float]] = {}  # when it was done, oldest first
        self._forgot = clock.seconds()

    def count(self, kind: str, *who: object, cost: int = 1) -> None:
        """Count an action as often as `cost` says. Raises RateLimited if this exceeds the limit.

        The error contains the number of seconds to wait.
        """
        self._check((kind, *who), cost, count=True)

    def check(self, kind: str, *who: object) -> None:
        """Raise RateLimited if another action would exceed the limit. The call itself does not count."""
        self._check((kind, *who), 1, count=False)

    def _check(self, key: Counted, cost: int, *, count: bool) -> None:
        rate, now = self.rates[str(key[0])], clock.seconds()
        cost = min(cost, rate.amount)
        with self._lock:
            self._forget(now)
            times = self._times.setdefault(key, deque()) if count else self._times.get(key, deque())
            while times and times[0] <= now - rate.get_expiry():
                times.popleft()
            if len(times) + cost > rate.amount:
                wait = max(times[0] + rate.get_expiry() - now, 1.0)
                raise RateLimited(
                    f"You're doing this too often. Try again in {wait:.0f} s.", retry_after=wait
                )
            if count:
                times.extend([now] * cost)

    def _forget(self, now: float) -> None:
        """Remove the counts of everybody who has done nothing within the period of the limit."""
        if now - self._forgot < FORGET_EVERY:
            return
        self._forgot = now
        for key, times in list(self._times.items()):
            if not times or times[-1] <= now - self.rates[str(key[0])].get_expiry():
                del self._times[key]
