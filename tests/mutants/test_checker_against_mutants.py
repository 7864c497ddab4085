"""The checker against mutants that nobody has chosen: what harms a step, it has to notice.

`harmful.json` holds the oracle's verdicts, so the checker can be tried without a Chromium.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.mutants import score
from tests.mutants.frozen import Frozen, frozen, stale
from tests.mutants.mechanical import in_turn
from tests.mutants.oracle import HARMFUL, HARMLESS, Oracle
from tests.mutants.scene import SOFT
from tests.needs import needs_browser

AT_ONCE = 2  # checks: most of a check is waiting
LANGUAGES = ("Python", "HTML", "JavaScript")
AGAIN = 40  # mutants that Chromium judges again
REFREEZE = "`python -m tests.mutants.score --limit 75`, then `… --freeze` judges them again"

LEAST = {HARMFUL: 25, HARMLESS: 5}  # frozen mutants in each language
# What goes unnoticed today, as a part of what harms, and how many harmless mutants are accused. The
# figures may only fall.
MOST_CERTIFIED = {"Python": 0.03, "HTML": 0.15, "JavaScript": 0.4}
MOST_ACCUSED = 5

Outcome = tuple[Frozen, bool]  # a mutant, and whether the checker notices it


def test_the_frozen_mutants_are_still_those_that_were_judged() -> None:
    assert not stale(), f"{REFREEZE}: {stale()}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_harmful_and_harmless_mutants(language: str) -> None:
    """A guard: of none, all are noticed."""
    verdicts = [each.verdict for each in frozen() if each.mutant.language == language]
    assert verdicts.count(HARMFUL) >= LEAST[HARMFUL]
    assert verdicts.count(HARMLESS) >= LEAST[HARMLESS]


@pytest.fixture(scope="module")
def outcomes() -> Iterator[list[Outcome]]:
    """Check all frozen mutants, and each step as it is, in several learners' folders."""
    judged = list(frozen())
    with ProcessPoolExecutor(
        AT_ONCE, mp_context=get_context("spawn"), initializer=score.begin
    ) as workers:
        steps = sorted({each.mutant.step for each in judged})
        clean = dict(zip(steps, workers.map(score.check, steps), strict=True))
        checked = workers.map(
            score.check,
            [each.mutant.step for each in judged],
            [each.mutant.file for each in judged],
            [each.mutant.text for each in judged],
        )
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
    """Chromium judges some of the frozen mutants again, of every step, language and verdict."""
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
