"""The checker never rejects a correct step that is written differently: only the exercise is missing."""

from pathlib import Path
from typing import Any

import pytest

from tests.workshop.variants import PYTHON, Variant
from tests.workshop.variants_pages import PAGES
from workshop import manifest
from workshop.checker import check
from workshop.checks import exercise_of
from workshop.learner import catch_up
from workshop.verdict import OPEN

VARIANTS = [*PYTHON, *PAGES]
ENOUGH, ENOUGH_PYTHON, ENOUGH_PAGES = 100, 3, 3


def cases() -> list[Any]:
    """Return each variant with each step on which it is tested."""
    found = []
    for variant in VARIANTS:
        for number in filter(None, [variant.step, variant.carried]):
            marks = [] if variant.always and number == variant.step else [pytest.mark.long]
            if variant.lacks:
                marks.append(pytest.mark.xfail(reason=variant.lacks, strict=True))
            found.append(pytest.param(number, variant, id=f"{number} {variant.name}", marks=marks))
    return found


@pytest.mark.parametrize(("number", "variant"), cases())
def test_another_way_is_not_accused(my_chat: Path, number: str, variant: Variant) -> None:
    catch_up(number)
    variant.write(my_chat)
    verdict = check(number)
    assert (verdict.state, verdict.sentence) == (OPEN, exercise_of(number).sentence), verdict


def test_there_are_variants_of_every_step() -> None:
    """A guard: with an empty list, the test above would pass without checking anything."""
    assert len(VARIANTS) >= ENOUGH
    for step in manifest.steps():
        assert len([each for each in PYTHON if each.step == step.number]) >= ENOUGH_PYTHON
        pages = [each for each in PAGES if each.step == step.number]
        assert step.number < "04" or len(pages) >= ENOUGH_PAGES
