"""Run a stage as several processes that share their data: step 10, lab 20, or the finished chat.

first, second = processes("10_catching_up", 2)                   # they share an SQLite file
one, two, three = processes("final_app", 3, postgres())          # they share a new database
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from workshop.database_server import Postgres
from workshop.pauses import PAUSES
from workshop.stages import (
    UNHURRIED,
    Stage,
    StageFailed,
    describe,
    locate,
    start_again,
    temporary_folder,
)

_groups: dict[tuple[Path, bool], list[Stage]] = {}


def processes(
    name: str, count: int, server: Postgres | None = None, *, signed: bool = True
) -> list[Stage]:
    """Return a stage as several running processes with the same data.

    With `server`, the data is in a new database there. A second call returns the same processes, and
    starts again those that have ended. If a file has changed, all of them restart with the same ports
    and data. With `signed=False`, which is for checks, a first call starts without earlier data.
    Raises LookupError for an unknown name, NoPostgres if there is no server, and StageFailed if the
    application does not start.
    """
    name, folder = locate(name)
    group = _groups.setdefault((folder, signed), [])
    if any(each.alive and each.stale() for each in group):
        stop(group)
    elif not signed and not any(each.alive for each in group):
        group.clear()
    if not group:
        group.append(_first(name, folder, server, signed))
    while len(group) < count:
        first = group[0]
        group.append(Stage(name, folder, first.sign, data=first.data, settings=first.settings))
    stop(group[count:])
    return _revived(group[:count])


def all_of(chat: Stage) -> list[Stage]:
    """Return all processes of a chat, after starting again those that have ended."""
    return _revived(next(group for group in _groups.values() if chat in group))


def stop(group: list[Stage]) -> None:
    """Stop several processes."""
    for each in group:
        each.stop()


def _revived(group: list[Stage]) -> list[Stage]:
    """Start those that do not run: the first one alone, because it creates what they share."""
    first, *others = group
    ended = [each for each in others if not each.alive]
    try:
        if not first.alive:
            _start(first)
        with ThreadPoolExecutor() as pool:
            list(pool.map(_start, ended))
    except StageFailed:
        stop(group)
        raise
    return group


def _start(one: Stage) -> None:
    one.stop()  # it may have ended without that
    start_again(one)


def _first(name: str, folder: Path, server: Postgres | None, signed: bool) -> Stage:
    settings = {PAUSES: "1"} | UNHURRIED  # a notebook sends as fast as a check
    if server is not None:
        settings["CHAT_DATABASE_URL"] = server.database()
    sign = describe(name) if signed else ""
    return Stage(name, folder, sign, data=temporary_folder(), settings=settings)
