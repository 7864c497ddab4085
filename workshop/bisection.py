"""Find the lines that break a promise by bisection, as `git bisect` finds a commit.

A learner's chat differs from the step in many places: their own style, solved exercises, and the
mistake. Only a test can tell which difference matters. So this module makes copies of the chat in which
some of the differences are replaced by the step's lines, and tests the promise on each copy.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path

from workshop import changes
from workshop.changes import Hunk
from workshop.learner import LEFT_OUT
from workshop.progress import say
from workshop.stages import temporary_folder

LIKELY = 10  # hunks that are tried alone
FEW, MANY = 6, 60  # tries
PATIENCE = 30.0  # seconds after which no other try begins

NONE: frozenset[Hunk] = frozenset()

Holds = Callable[[Path], bool]
Repaired = Callable[[frozenset[Hunk]], bool]


def lines_at_fault(
    mine: Path, hunks: Sequence[Hunk], holds: Holds, tries: int = MANY
) -> list[Hunk]:
    """Return the hunks that break a promise. Usually this is one hunk.

    `hunks` lead from the learner's folder to the step, without context lines, the most suspicious ones
    first. `holds` tests the promise on a folder. Returns an empty list if the promise does not hold even
    with all of the step's lines, if it now holds without them, or if the search exceeds `tries` or
    PATIENCE.

    Hunks can depend on each other: if half of a solved exercise is replaced, or half of the lines with a
    renamed variable, the chat breaks. So all lines that have only moved are tried together, then each
    file, and then each of the likely hunks alone, before bisection looks for several.
    """
    files, moves = list(_by_file(hunks).values()), _moves(hunks)
    with _tries(mine, holds, tries) as repaired_by:
        if moves and repaired_by(frozenset(moves)):
            return [] if repaired_by(NONE) else moves  # without a mistake, any would seem to matter
        suspects = list(hunks)
        if len(files) > 1:
            suspects = next((own for own in files if repaired_by(frozenset(own))), suspects)
        alone = next((h for h in suspects[:LIKELY] if repaired_by(frozenset([h]))), None)
        found = [alone] if alone else _bisected(suspects, repaired_by)
        if not repaired_by(NONE):
            return _without_removals(found, repaired_by)
    return []


def _moves(hunks: Iterable[Hunk]) -> list[Hunk]:
    """Return the hunks that only move lines to another place in their file."""
    return [
        hunk
        for own in _by_file(hunks).values()
        for hunk in own
        if _stripped(hunk.removed + hunk.added)
        and _stripped(hunk.removed) <= _stripped(line for each in own for line in each.added)
        and _stripped(hunk.added) <= _stripped(line for each in own for line in each.removed)
    ]


def _without_removals(found: list[Hunk], repaired_by: Repaired) -> list[Hunk]:
    """Return the hunks without the removed lines that nothing replaces, if these lines do no harm.

    They may be the learner's solution of an exercise, next to the mistake and in the same hunk.
    """
    lean = [part for hunk in found for part in changes.split(hunk) if part.added]
    with suppress(TimeoutError):
        if lean != found and repaired_by(frozenset(lean)):
            return lean
    return found


def _bisected(suspects: list[Hunk], repaired_by: Repaired) -> list[Hunk]:
    """Return hunks without any of which the promise does not hold, or an empty list."""
    found: list[Hunk] = []
    while suspects:
        # It fails if the first `fails` suspects are repaired, and holds with the first `enough`.
        fails, enough = 0, len(suspects)
        while enough - fails > 1:
            some = (fails + enough) // 2
            if repaired_by(frozenset([*found, *suspects[:some]])):
                enough = some
            else:
                fails = some
        found.append(suspects[fails])
        suspects = suspects[:fails]
        if repaired_by(frozenset(found)):
            return sorted(found, key=lambda hunk: (hunk.file, hunk.old_start))
    return []


@contextmanager
def _tries(mine: Path, holds: Holds, most: int) -> Iterator[Repaired]:
    """Yield a function that tests the promise with the step's lines in place of some hunks.

    The block ends when it has tried too often. The number of tries decides, so that a learner with a
    slow computer gets the same hint, unless the computer is very slow.
    """
    tries, end = count(1), time.monotonic() + PATIENCE

    @cache
    def repaired_by(some: frozenset[Hunk]) -> bool:
        number = next(tries)
        if number > most or time.monotonic() > end:
            raise TimeoutError
        say(f"Looking for the lines that matter, try {number} …")
        folder = _with(mine, some)
        try:
            return holds(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    with suppress(TimeoutError):
        try:
            yield repaired_by
        finally:
            say("")


def _stripped(lines: Iterable[str]) -> set[str]:
    """Return the lines without their indentation and without empty ones."""
    return {line.strip() for line in lines} - {""}


def _by_file(hunks: Iterable[Hunk]) -> dict[str, list[Hunk]]:
    files: dict[str, list[Hunk]] = {}
    for hunk in hunks:
        files.setdefault(hunk.file, []).append(hunk)
    return files


def _with(mine: Path, hunks: Iterable[Hunk]) -> Path:
    """Return a copy of the learner's chat in which the step's lines replace these hunks."""
    folder = temporary_folder() / mine.name
    shutil.copytree(mine, folder, ignore=LEFT_OUT)
    changes.apply(hunks, folder)
    return folder
