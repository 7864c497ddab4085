"""The steps without accounts keep all their promises, on real servers and over the network."""

import pytest

from tests.contract.stages import Stages, promises_kept_by
from workshop import manifest
from workshop.checks import NotAttempted, Promise, exercise_of, overview, promises_of

FIRST_WITH_ACCOUNTS = manifest.step_about("accounts").number
EARLY_STEPS = [step.number for step in manifest.steps() if step.number < FIRST_WITH_ACCOUNTS]


@promises_kept_by(*EARLY_STEPS)
def test_a_step_keeps_its_promises(stages: Stages, name: str, each: Promise) -> None:
    stages.keeps(name, each)


def test_there_are_promises_for_every_step() -> None:
    """A guard: with an empty list, the test above would pass without checking anything."""
    counts = [len(promises_of(step.number)) for step in manifest.steps()]
    assert counts[0] >= 2
    assert counts == sorted(set(counts))


@pytest.mark.parametrize("step", manifest.steps(), ids=lambda step: step.name)
def test_a_step_as_shipped_has_not_attempted_its_exercise(
    stages: Stages, step: manifest.Step
) -> None:
    with pytest.raises(NotAttempted):
        exercise_of(step.number).trial(stages[step.number])


def test_the_table_of_promises_is_current() -> None:
    """`python -m workshop.checks` regenerates it."""
    assert overview.PAGE.read_text(encoding="utf-8") == overview.page()
