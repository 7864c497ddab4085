"""Every step keeps every promise it has made so far, over the wire, against its real server."""

from collections.abc import Iterator

import pytest

from workshop import manifest
from workshop.contract import NotAttempted, Promise, exercise_of, promises_of
from workshop.stages import Stage, stage

KEPT = [
    pytest.param(step.number, each, id=f"{step.number}: {each}")
    for step in manifest.steps()
    for each in promises_of(step.number)
]


@pytest.fixture(scope="module")
def stages() -> Iterator[dict[str, Stage]]:
    running: dict[str, Stage] = {}
    yield running
    for each in running.values():
        each.stop()


@pytest.mark.parametrize(("number", "each"), KEPT)
def test_a_step_keeps_its_promises(stages: dict[str, Stage], number: str, each: Promise) -> None:
    chat = stages.setdefault(number, stage(number, signed=False))
    each.trial(chat)
    assert "Traceback" not in chat.log


def test_there_are_promises_for_every_step() -> None:
    """A guard: an empty list would pass the test above without trying anything."""
    counts = [len(promises_of(step.number)) for step in manifest.steps()]
    assert counts[0] >= 2
    assert counts == sorted(counts)
    assert counts[-1] >= 18


@pytest.mark.parametrize("step", manifest.steps(), ids=lambda step: step.name)
def test_a_step_as_shipped_has_not_attempted_its_exercise(
    stages: dict[str, Stage], step: manifest.Step
) -> None:
    chat = stages.setdefault(step.number, stage(step.number, signed=False))
    with pytest.raises(NotAttempted):
        exercise_of(step.number).trial(chat)
