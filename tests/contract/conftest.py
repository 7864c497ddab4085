"""One server for each stage that the tests of a module ask for."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.contract.stages import Stages


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    with ExitStack() as stack:
        yield Stages(stack, tmp_path_factory)
