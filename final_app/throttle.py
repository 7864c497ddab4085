"""How often somebody may do something. Counts are per process, unless Redis keeps them."""

from limits import RateLimitItem, parse
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from final_app import clock
from final_app.config import Settings
from final_app.errors import RateLimited


class Throttle:
    """Counts actions and failed log-ins. `rates` is by kind: messages, actions, logins, …"""

    def __init__(self, settings: Settings) -> None:
        self._limiter = MovingWindowRateLimiter(
            storage_from_string(settings.message_queue or "memory://")
        )
        self.rates: dict[str, RateLimitItem] = {
            "messages": parse(settings.limit_messages),
            "uploads": parse(settings.limit_uploads),
            "actions": parse(settings.limit_actions),
            "logins": parse(settings.limit_logins),
            "logins_address": parse(settings.limit_logins_address),
        }

    def count(self, kind: str, *who: object) -> None:
        """Count one action. Raises RateLimited, with the seconds to wait, when it is one too many."""
        if not self._limiter.hit(self.rates[kind], *map(str, who)):
            raise self._refusal(kind, who)

    def check(self, kind: str, *who: object) -> None:
        """Raise RateLimited when the next one would be too many, and count nothing."""
        if not self._limiter.test(self.rates[kind], *map(str, who)):
            raise self._refusal(kind, who)

    def _refusal(self, kind: str, who: tuple[object, ...]) -> RateLimited:
        window = self._limiter.get_window_stats(self.rates[kind], *map(str, who))
        wait = max(window.reset_time - clock.now_as_timestamp(), 1.0)
        return RateLimited(f"Too often. Try again in {wait:.0f} s.", retry_after=wait)
