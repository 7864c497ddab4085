"""The steps with accounts keep all their promises. They hash passwords, which takes longer."""

from tests.contract.stages import Stages, promises_kept_by
from tests.contract.test_promises import EARLY_STEPS
from workshop import manifest
from workshop.checks import Promise


@promises_kept_by(*(step.number for step in manifest.steps() if step.number not in EARLY_STEPS))
def test_a_step_with_accounts_keeps_its_promises(stages: Stages, name: str, each: Promise) -> None:
    stages.keeps(name, each)
