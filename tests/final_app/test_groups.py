"""Group commit: what waits for the same transaction shares the next one, and keeps its own outcome."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from final_app.errors import Invalid, Unavailable
from final_app.storage import groups
from final_app.storage.groups import Groups, Work
from tests.waiting import wait_until

KEY, OTHER_KEY = 1, 2
PATIENCE = 10.0  # seconds


class Database:
    """Runs the transactions, and holds back the first one until `go_on` is set."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.begun, self.go_on = Event(), Event()

    def run_all(self, pieces: list[Work]) -> list[Any]:
        self.sizes.append(len(pieces))
        if len(self.sizes) == 1:
            self.begun.set()
            assert self.go_on.wait(PATIENCE)
        return [work() for work in pieces]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(50) as pool:
        yield pool


def refuse() -> None:
    raise Invalid("Refused.", field="text")


def together(
    pool: ThreadPoolExecutor, database: Database, first: Work, *others: Work
) -> list[Future[Any]]:
    """Begin a piece of work, and several others while it runs. Then let the first one go on."""
    all_groups = Groups(database.run_all)
    started = [pool.submit(all_groups.run, KEY, first)]
    assert database.begun.wait(PATIENCE)
    for place, work in enumerate(others, 1):
        started.append(pool.submit(all_groups.run, KEY, work))
        wait_until(lambda place=place: len(all_groups._waiting[KEY]) == place)  # type: ignore[misc]
    database.go_on.set()
    return started


def test_what_waits_shares_a_transaction_and_keeps_its_order(pool: ThreadPoolExecutor) -> None:
    database, order = Database(), list[int]()
    work = [lambda number=number: order.append(number) or number for number in range(5)]  # type: ignore[func-returns-value, misc]
    started = together(pool, database, *work)
    assert [each.result(PATIENCE) for each in started] == order == [0, 1, 2, 3, 4]
    assert database.sizes == [1, 4]


def test_who_comes_alone_waits_for_nobody(pool: ThreadPoolExecutor) -> None:
    database = Database()
    database.go_on.set()
    alone = Groups(database.run_all)
    assert [alone.run(KEY, lambda: number) for number in (7, 7, 7)] == [7, 7, 7]  # noqa: B023
    assert database.sizes == [1, 1, 1] and alone._waiting == {}


def test_another_room_does_not_wait(pool: ThreadPoolExecutor) -> None:
    database = Database()
    both = Groups(database.run_all)
    held = pool.submit(both.run, KEY, lambda: "held")
    assert database.begun.wait(PATIENCE)
    assert pool.submit(both.run, OTHER_KEY, lambda: "free").result(PATIENCE) == "free"
    database.go_on.set()
    assert held.result(PATIENCE) == "held"


def test_only_who_is_refused_is_refused(pool: ThreadPoolExecutor) -> None:
    database = Database()
    first, before, refused, after = together(
        pool, database, lambda: 0, lambda: 1, refuse, lambda: 3
    )
    assert [each.result(PATIENCE) for each in (first, before, after)] == [0, 1, 3]
    with pytest.raises(Invalid, match="Refused"):
        refused.result(PATIENCE)
    assert database.sizes == [1, 3, 1, 1, 1], "the group was rolled back, and each ran alone"


def test_if_the_database_is_away_nobody_tries_again_alone(pool: ThreadPoolExecutor) -> None:
    """Each of them would wait as long as the group has already waited."""

    def gone() -> None:
        raise Unavailable("The database is away.")

    database = Database()
    _, *others = together(pool, database, lambda: 0, gone, lambda: 2)
    for each in others:
        with pytest.raises(Unavailable):
            each.result(PATIENCE)
    assert database.sizes == [1, 2]


def test_if_the_leader_is_killed_the_others_go_on(pool: ThreadPoolExecutor) -> None:
    """gevent ends a greenlet with an exception that is not an Exception."""

    def killed() -> None:
        if database.sizes == [1, 3]:
            raise SystemExit

    def slowly(number: int) -> int:
        order.append(number)
        Event().wait(0.05)  # seconds, in which the other one could begin, too
        return number

    database, order = Database(), list[int]()
    _, leader, *others = together(
        pool, database, lambda: 0, killed, lambda: slowly(2), lambda: slowly(3)
    )
    assert [each.result(PATIENCE) for each in others] == order == [2, 3]
    with pytest.raises(SystemExit):
        leader.result(PATIENCE)
    assert database.sizes == [1, 3, 2]


def test_a_group_has_a_largest_size(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "MOST", 3)
    database = Database()
    started = together(pool, database, *[lambda: 0] * 8)
    assert [each.result(PATIENCE) for each in started] == [0] * 8
    assert database.sizes == [1, 3, 3, 1]
