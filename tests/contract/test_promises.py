"""Every step keeps every promise it has made so far, over the wire, against its real server."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.contract.finished import Finished
from workshop import manifest
from workshop.contract import (
    NotAttempted,
    Promise,
    all_promises,
    exercise_of,
    overview,
    promises_of,
)
from workshop.stages import Stage, stage

FINAL_APP = "final_app"
KEPT = [
    pytest.param(step.number, each, id=f"{step.number}: {each}")
    for step in manifest.steps()
    for each in promises_of(step.number)
]
KEPT += [
    pytest.param(FINAL_APP, each, id=f"{FINAL_APP}: {each}")
    for each in all_promises()
    if each.final_app
]


class Stages:
    """Starts a stage when it is first asked for; all of them end with the module's tests."""

    def __init__(self, stack: ExitStack, factory: pytest.TempPathFactory) -> None:
        self.running: dict[str, Stage] = {}
        self.stack, self.factory = stack, factory

    def __getitem__(self, name: str) -> Stage:
        if name not in self.running:
            self.running[name] = self.stack.enter_context(self._started(name))
        return self.running[name]

    def _started(self, name: str) -> Stage:
        if name != FINAL_APP:
            return stage(name, signed=False)
        chat = Finished(self.factory.mktemp(FINAL_APP))
        chat.start()
        return chat


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    with ExitStack() as stack:
        yield Stages(stack, tmp_path_factory)


@pytest.mark.parametrize(("name", "each"), KEPT)
def test_a_stage_keeps_its_promises(stages: Stages, name: str, each: Promise) -> None:
    each.trial(stages[name])
    assert "Traceback" not in stages[name].log


def test_there_are_promises_for_every_step() -> None:
    """A guard: an empty list would pass the test above without trying anything."""
    counts = [len(promises_of(step.number)) for step in manifest.steps()]
    assert counts[0] >= 2
    assert counts == sorted(counts)
    assert counts[4] >= 18
    made = [sum(each.since == step.number for each in KEPT_BY_LAST) for step in manifest.steps()]
    assert min(made[5:]) >= 9


KEPT_BY_LAST = promises_of(manifest.steps()[-1].number)


@pytest.mark.parametrize("step", manifest.steps(), ids=lambda step: step.name)
def test_a_step_as_shipped_has_not_attempted_its_exercise(
    stages: Stages, step: manifest.Step
) -> None:
    with pytest.raises(NotAttempted):
        exercise_of(step.number).trial(stages[step.number])


def test_the_table_of_promises_is_current() -> None:
    """`python -m workshop.contract` renews it."""
    assert overview.PAGE.read_text(encoding="utf-8") == overview.page()
