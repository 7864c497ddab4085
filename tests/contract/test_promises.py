"""Each step up to 07 keeps every promise it has made so far, over the wire, on its real server."""

import pytest

from tests.contract.stages import Stages, promises_kept_by
from workshop import manifest
from workshop.checks import NotAttempted, Promise, exercise_of, overview, promises_of

EARLY_STEPS = [step.number for step in manifest.steps() if step.number < "08"]


@promises_kept_by(*EARLY_STEPS)
def test_a_step_keeps_its_promises(stages: Stages, name: str, each: Promise) -> None:
    stages.keeps(name, each)


def test_there_are_promises_for_every_step() -> None:
    """A guard: an empty list would pass the test above without trying anything."""
    counts = [len(promises_of(step.number)) for step in manifest.steps()]
    assert counts[0] >= 2
    assert counts == sorted(counts)
    assert counts[4] >= 18
    last = promises_of(manifest.steps()[-1].number)
    made = [sum(each.since == step.number for each in last) for step in manifest.steps()]
    assert min(made[5:]) >= 9


@pytest.mark.parametrize("step", manifest.steps(), ids=lambda step: step.name)
def test_a_step_as_shipped_has_not_attempted_its_exercise(
    stages: Stages, step: manifest.Step
) -> None:
    with pytest.raises(NotAttempted):
        exercise_of(step.number).trial(stages[step.number])


def test_the_table_of_promises_is_current() -> None:
    """`python -m workshop.checks` renews it."""
    assert overview.PAGE.read_text(encoding="utf-8") == overview.page()
