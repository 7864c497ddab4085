"""The finished application keeps the promises that it has inherited from the steps, on each database."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.contract.stages import FINAL_APP, Stages, promises_kept_by
from tests.final_app import databases
from workshop.checks import Promise


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
    on_postgresql.keeps(name, each)
