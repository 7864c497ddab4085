"""The window of a rate limit moves, and outdated entries are removed."""

import pytest

from final_app import config
from final_app.errors import RateLimited
from final_app.lib.rate_limit import FORGET_EVERY, RateLimiter
from tests.final_app.conftest import Move


@pytest.fixture
def limiter(move: Move) -> RateLimiter:
    return RateLimiter(
        config.read({"CHAT_LIMIT_MESSAGES": "3 per 10 seconds", "CHAT_LIMIT_READS": "3 per minute"})
    )


def refused(limiter: RateLimiter, kind: str, *who: object, cost: int = 1) -> float:
    """Return the number of seconds until the next try is allowed, or 0 if this one was counted."""
    try:
        limiter.count(kind, *who, cost=cost)
    except RateLimited as refusal:
        return refusal.retry_after
    return 0.0


def test_the_window_moves(limiter: RateLimiter, move: Move) -> None:
    for _ in range(3):
        assert not refused(limiter, "messages", 1)
        move(3)
    assert refused(limiter, "messages", 1) == 1, "the first one counts for another second"
    move(1)
    assert not refused(limiter, "messages", 1)
    assert refused(limiter, "messages", 1) == 3, "the second one counts for three more"


def test_everybody_and_everything_is_counted_apart(limiter: RateLimiter) -> None:
    for _ in range(3):
        limiter.count("messages", 1)
    assert refused(limiter, "messages", 1)
    assert not refused(limiter, "messages", 2)
    assert not refused(limiter, "reads", 1)


def test_a_cost_counts_that_often_but_never_more_than_the_limit(limiter: RateLimiter) -> None:
    limiter.count("reads", 1, cost=2)
    assert refused(limiter, "reads", 1, cost=2) == 60
    assert not refused(limiter, "reads", 1)
    assert not refused(limiter, "reads", 2, cost=10), "or it could never be done"


def test_a_check_counts_nothing(limiter: RateLimiter) -> None:
    for _ in range(10):
        limiter.check("messages", 1)
    for _ in range(3):
        limiter.count("messages", 1)
    with pytest.raises(RateLimited):
        limiter.check("messages", 1)


def test_what_was_refused_is_not_counted(limiter: RateLimiter, move: Move) -> None:
    for _ in range(3):
        limiter.count("messages", 1)
    for _ in range(9):
        move(1)
        assert refused(limiter, "messages", 1)
    move(1)
    assert not refused(limiter, "messages", 1)


def test_whoever_is_quiet_is_forgotten(limiter: RateLimiter, move: Move) -> None:
    for address in range(1000):
        limiter.count("messages", address)
    move(FORGET_EVERY - 1)
    limiter.count("reads", 1)
    assert len(limiter._times) == 1001
    move(1)
    limiter.count("messages", 1)
    assert set(limiter._times) == {("reads", 1), ("messages", 1)}


def test_what_is_only_checked_takes_no_memory(limiter: RateLimiter) -> None:
    for number in range(1000):
        limiter.check("logins", "127.0.0.1", f"somebody {number}")
    assert not limiter._times
