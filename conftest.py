"""For the tests of one run, and for each notebook: a learner's folder, in a temporary place."""

import os
import tempfile
from pathlib import Path

import pytest

_mine = tempfile.TemporaryDirectory(prefix="workshop-mine-", ignore_cleanup_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    """Point WORKSHOP_MINE away from the learner's folder, for this process and its kernels."""
    os.environ["WORKSHOP_MINE"] = _mine.name
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel of this environment, no other


@pytest.hookimpl(tryfirst=True)  # before the notebook's kernel starts
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give each notebook a folder of its own, as `workshop refresh` does."""
    mine = Path(_mine.name)
    if item.path.suffix == ".ipynb":
        mine /= item.path.stem
        mine.mkdir(exist_ok=True)
    os.environ["WORKSHOP_MINE"] = str(mine)


def pytest_unconfigure(config: pytest.Config) -> None:
    _mine.cleanup()
