"""The finished application keeps the promises that it has inherited from the steps, on each database."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.contract.stages import FINAL_APP, Stages, promises_kept_by
from tests.final_app import databases
from workshop.checks import Promise

# To try these, the checks lock SQLite's file, or turn back the times in it.
ONLY_SQLITE = {
    "A message is stored before anybody receives it.",
    "The page shows messages in the order of their numbers, whatever the clock says.",
    "`sync` returns messages in the order of their numbers, whatever the clock says.",
    "A connection that is refused receives no events, not even before the refusal.",
}


@pytest.fixture(scope="module")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    with ExitStack() as stack, databases.chosen("postgresql"):
        yield Stages(stack, tmp_path_factory)


@promises_kept_by(FINAL_APP)
def test_the_finished_application_keeps_the_promises(
    stages: Stages, name: str, each: Promise
) -> None:
    stages.keeps(name, each)


@pytest.mark.long
@promises_kept_by(FINAL_APP)
def test_it_keeps_them_on_postgresql_too(on_postgresql: Stages, name: str, each: Promise) -> None:
    if str(each) in ONLY_SQLITE:
        pytest.skip("this promise is tested in the file of SQLite")
    on_postgresql.keeps(name, each)
