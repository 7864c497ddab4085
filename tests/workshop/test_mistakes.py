"""A typical mistake gets the hint that names it: each mutant of a step has one mistake."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.workshop import mistakes, mistakes_later
from tests.workshop.quick import quick_check
from workshop import manifest, paths
from workshop.checker import BROKEN, Verdict, check
from workshop.contract import asking, events, people
from workshop.learner import catch_up
from workshop.stages import stop_stages_in

Mistake = tuple[str, str, str, str, str]

MISTAKES: list[Mistake] = [*mistakes.MISTAKES, *mistakes_later.MISTAKES]
LATER: list[Mistake] = [*mistakes_later.MISTAKES, *mistakes_later.MORE]
ENOUGH = 40

SOON = 1.5  # seconds: many of these mutants never answer, and the check waits until it gives up
AT_ONCE = 2  # checks: most of a check is waiting, for a server to start or for an answer


def name_of(mistake: Mistake) -> str:
    number, file, _, _, hint = mistake
    return f"{number} {file.rpartition('/')[2]} {hint}"


def make(mistake: Mistake, my_chat: Path) -> None:
    """Let a copy of the step have this mistake."""
    number, file, right, wrong, _ = mistake
    catch_up(number)
    path = my_chat / file
    source = path.read_text(encoding="utf-8")
    assert right in source, "the mistake changes nothing"
    path.write_text(source.replace(right, wrong), encoding="utf-8")


def judge(mistake: Mistake, verdict: Verdict) -> None:
    assert verdict.state == BROKEN and mistake[-1] in verdict.hint, verdict


def check_quickly(mistake: Mistake, folder: Path) -> Verdict:
    """Check a chat with this mistake in a folder of its own, in a process of its own."""
    os.environ["WORKSHOP_MINE"] = str(folder)
    for module in (asking, events, people):
        module.ANSWER_TIMEOUT = SOON
    try:
        make(mistake, paths.my_chat())
        return quick_check(mistake[0])
    finally:
        stop_stages_in(paths.my_chat())


def one_of_each_language(mistakes: list[Mistake]) -> list[Any]:
    """Return all mistakes; the first in each step's Python, pages and script is not `long`."""
    seen: set[tuple[str, str]] = set()
    found = []
    for mistake in mistakes:
        kind = mistake[0], Path(mistake[1]).suffix
        marks = [pytest.mark.long] if kind in seen else []
        seen.add(kind)
        found.append(pytest.param(mistake, id=name_of(mistake), marks=marks))
    return found


@pytest.fixture(scope="module")
def verdict_on(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Mistake], Verdict]]:
    """Begin to check all mistakes that are asked for; a test waits for its own."""
    wanted = [
        item.callspec.params["mistake"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == QUICK
    ]
    new = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(AT_ONCE, mp_context=new) as checkers:
        coming = {
            mistake: checkers.submit(check_quickly, mistake, tmp_path_factory.mktemp("mine"))
            for mistake in wanted
        }
        yield lambda mistake: coming[mistake].result()
        checkers.shutdown(cancel_futures=True)


@pytest.mark.parametrize("mistake", one_of_each_language(MISTAKES))
def test_a_typical_mistake_gets_the_hint_that_names_it(
    mistake: Mistake, verdict_on: Callable[[Mistake], Verdict]
) -> None:
    judge(mistake, verdict_on(mistake))


QUICK = test_a_typical_mistake_gets_the_hint_that_names_it.__name__


@pytest.mark.long
@pytest.mark.parametrize("mistake", LATER, ids=name_of)
def test_a_whole_check_names_the_mistake(my_chat: Path, mistake: Mistake) -> None:
    """What a learner sees: the first sentence that does not hold, of all up to this step."""
    make(mistake, my_chat)
    judge(mistake, check(mistake[0]))


def test_there_are_mistakes_for_every_step() -> None:
    """A guard: an empty list would pass the tests above without checking anything."""
    assert len(MISTAKES) >= ENOUGH
    assert {each[0] for each in MISTAKES} == {step.number for step in manifest.steps()}
