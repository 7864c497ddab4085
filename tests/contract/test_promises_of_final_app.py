"""The finished application keeps the promises that it has inherited from the steps."""

from tests.contract.stages import FINAL_APP, Stages, promises_kept_by
from workshop.checks import Promise


@promises_kept_by(FINAL_APP)
def test_the_finished_application_keeps_the_promises(
    stages: Stages, name: str, each: Promise
) -> None:
    stages.keeps(name, each)
