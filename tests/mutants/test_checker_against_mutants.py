"""The checker against mutants that nobody has selected: it must notice everything that harms a step.

`harmful.json` contains the oracle's verdicts, so this test of the checker needs no Chromium.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests import forked
from tests.mutants import score
from tests.mutants.frozen import Frozen, digest, frozen, stale
from tests.mutants.mechanical import in_turn
from tests.mutants.oracle import HARMFUL, HARMLESS, Oracle
from tests.mutants.scene import SOFT
from tests.mutants.score import Checked
from tests.needs import needs_browser
from workshop import stages
from workshop.checks import exercise_of
from workshop.verdict import OPEN

AT_ONCE = 2  # checks: most of a check is waiting
LANGUAGES = ("Python", "HTML", "JavaScript")
CHEAP = ("04", "05", "06")  # steps with few promises: a check takes a second of one processor
AGAIN = 40  # mutants that Chromium judges again
REFREEZE = "`python -m tests.mutants.score --limit 75`, then `… --freeze` judges them again"

LEAST = {HARMFUL: 25, HARMLESS: 5}  # frozen mutants in each language
# What goes unnoticed today, as a part of what harms, and how many harmless mutants are accused. The
# figures may only fall.
MOST_CERTIFIED = {"Python": 0.03, "HTML": 0.07, "JavaScript": 0.03}
MOST_ACCUSED = 5

Outcome = tuple[Frozen, bool]  # a mutant, and whether the checker notices it


def test_the_frozen_mutants_are_still_those_that_were_judged() -> None:
    assert not stale(), f"{REFREEZE}: {stale()}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_harmful_and_harmless_mutants(language: str) -> None:
    """A guard: if there were no mutants, the checker would notice all of them."""
    verdicts = [each.verdict for each in frozen() if each.mutant.language == language]
    assert verdicts.count(HARMFUL) >= LEAST[HARMFUL]
    assert verdicts.count(HARMLESS) >= LEAST[HARMLESS]


def test_the_checker_notices_some_mutants_whenever_the_tests_run() -> None:
    """One harmful mutant of each cheap step and language. `-m long` checks all frozen mutants."""
    sample = always()
    assert {(each.mutant.step, each.mutant.language) for each in sample} == {
        (step, language) for step in CHEAP for language in LANGUAGES
    }
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=begin) as workers:
        assert not certified(sample, workers.map(score.check, *parts(sample)))


def test_a_checker_that_accepts_everything_would_be_found() -> None:
    sample = always()
    said = [untouched(each.mutant.step) for each in sample]
    assert certified(sample, said) == [each.mutant.id for each in sample]


def always() -> list[Frozen]:
    """Return the same harmful mutants each time: one for each cheap step and language."""
    piles = defaultdict[tuple[str, str], list[Frozen]](list)
    for each in frozen():
        if each.mutant.step in CHEAP and each.verdict == HARMFUL and each.facet not in SOFT:
            piles[each.mutant.step, each.mutant.language].append(each)
    return [min(pile, key=lambda each: digest(each.mutant)) for pile in piles.values()]


def parts(judged: list[Frozen]) -> tuple[list[str], list[str], list[str]]:
    """Return the arguments of `score.check`: the steps, the files and their texts."""
    mutants = [each.mutant for each in judged]
    return (
        [each.step for each in mutants],
        [each.file for each in mutants],
        [each.text for each in mutants],
    )


def begin() -> None:
    """Prepare a process that checks mutants. It forks them from the nursery of the tests."""
    score.begin()
    stages.popen = forked.popen


def certified(judged: list[Frozen], checked: Iterable[Checked]) -> list[str]:
    """Return the mutants for which the checker has the same verdict as for the step itself."""
    return [
        each.mutant.id
        for each, verdict in zip(judged, checked, strict=True)
        if not score.noticed(verdict, untouched(each.mutant.step))
    ]


def untouched(step: str) -> Checked:
    """Return the checker's verdict on a step itself: only the exercise is missing."""
    return {"state": OPEN, "sentence": exercise_of(step).sentence}


@pytest.fixture(scope="module")
def outcomes() -> Iterator[list[Outcome]]:
    """Check all frozen mutants, and each unmutated step, in several learners' folders."""
    judged = list(frozen())
    with ProcessPoolExecutor(
        AT_ONCE, mp_context=get_context("spawn"), initializer=begin
    ) as workers:
        steps = sorted({each.mutant.step for each in judged})
        clean = dict(zip(steps, workers.map(score.check, steps), strict=True))
        checked = workers.map(score.check, *parts(judged))
        yield [
            (each, score.noticed(verdict, clean[each.mutant.step]))
            for each, verdict in zip(judged, checked, strict=True)
        ]


@pytest.mark.long
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_checker_notices_what_harms(outcomes: list[Outcome], language: str) -> None:
    harmful = [
        (each, seen)
        for each, seen in outcomes
        if each.mutant.language == language and each.verdict == HARMFUL and each.facet not in SOFT
    ]
    certified = [each.mutant.id for each, seen in harmful if not seen]
    assert len(certified) <= MOST_CERTIFIED[language] * len(harmful), certified


@pytest.mark.long
def test_the_checker_accuses_nothing_that_is_harmless(outcomes: list[Outcome]) -> None:
    accused = [each.mutant.id for each, seen in outcomes if each.verdict == HARMLESS and seen]
    assert len(accused) <= MOST_ACCUSED, accused


@pytest.mark.long
@pytest.mark.browser
def test_the_oracle_still_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Chromium judges some frozen mutants again, for every step, language and verdict."""
    needs_browser()
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path))
    piles: dict[tuple[str, str, str], list[Frozen]] = {}
    for each in frozen():
        key = (each.mutant.step, each.mutant.language, each.verdict)
        piles.setdefault(key, []).append(each)
    sample = in_turn([*piles.values()])[:AGAIN]
    with Oracle() as oracle:
        changed = [
            f"{each.mutant.id}: {found}"
            for each in sample
            if (found := oracle.judge(each.mutant)).verdict != each.verdict
        ]
    assert not changed, "\n".join(changed)
