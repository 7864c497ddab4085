"""Rate limits: how often a user can do something. The counts are kept in memory."""

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from final_app.config import Settings
from final_app.errors import RateLimited
from final_app.lib import clock


class RateLimiter:
    """Counts actions and failed logins. `rates` maps each kind, such as "messages", to its limit."""

    def __init__(self, settings: Settings) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self.rates: dict[str, RateLimitItem] = {
            "messages": parse(settings.limit_messages),
            "uploads": parse(settings.limit_uploads),
            "actions": parse(settings.limit_actions),
            "logins": parse(settings.limit_logins),
            "logins_address": parse(settings.limit_logins_address),
        }

    def count(self, kind: str, *who: object) -> None:
        """Count one action. Raises RateLimited, with the seconds to wait, if it exceeds the limit."""
        if not self._limiter.hit(self.rates[kind], *map(str, who)):
            raise self._refusal(kind, who)

    def check(self, kind: str, *who: object) -> None:
        """Raise RateLimited if another action would exceed the limit, without counting one."""
        if not self._limiter.test(self.rates[kind], *map(str, who)):
            raise self._refusal(kind, who)

    def _refusal(self, kind: str, who: tuple[object, ...]) -> RateLimited:
        window = self._limiter.get_window_stats(self.rates[kind], *map(str, who))
        wait = max(window.reset_time - clock.now_as_timestamp(), 1.0)
        return RateLimited(
            f"You're doing this too often. Try again in {wait:.0f} s.", retry_after=wait
        )
