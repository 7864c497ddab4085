"""A typical mistake gets the hint that names it. Each example is a step with one mistake."""

from pathlib import Path

import pytest

from tests.workshop.mistakes import LONG, MISTAKES, QUICK
from workshop import manifest
from workshop.checker import check
from workshop.checks import console, visitors
from workshop.learner import catch_up
from workshop.verdict import BROKEN

Mistake = tuple[str, str, str, str, str]

ENOUGH = 60
GENERIC = (console.UNKNOWN, visitors.NOT_RECEIVED)


def name_of(mistake: Mistake) -> str:
    number, file, _, _, hint = mistake
    return f"{number} {Path(file).name} {hint}"


@pytest.mark.parametrize(
    "mistake",
    [
        *(pytest.param(each, id=name_of(each)) for each in QUICK),
        *(pytest.param(each, id=name_of(each), marks=pytest.mark.long) for each in LONG),
    ],
)
def test_a_typical_mistake_gets_the_hint_that_names_it(my_chat: Path, mistake: Mistake) -> None:
    number, file, right, wrong, hint = mistake
    catch_up(number)
    path = my_chat / file
    source = path.read_text(encoding="utf-8")
    assert right in source, "the mistake changes nothing"
    path.write_text(source.replace(right, wrong), encoding="utf-8")
    verdict = check(number)
    assert verdict.state == BROKEN and hint in verdict.hint, verdict


def test_no_example_is_satisfied_with_a_hint_that_fits_everything() -> None:
    for mistake in MISTAKES:
        assert not any(mistake[-1] in hint for hint in GENERIC), mistake


def test_there_are_different_examples_of_every_step_and_language() -> None:
    """A guard: with an empty list, the tests above would pass without checking anything."""
    assert len(MISTAKES) >= ENOUGH
    assert len({(each[0], each[-1]) for each in MISTAKES}) == len(MISTAKES)
    assert {each[0] for each in MISTAKES} == {step.number for step in manifest.steps()}
    for step in manifest.steps():
        kinds = {Path(each[1]).suffix for each in MISTAKES if each[0] == step.number}
        assert ".py" in kinds and (step.number < "04" or ".js" in kinds)
