"""For every test and every notebook of one run: a learner's folder of its own, in a temporary place."""

import os
import tempfile

import pytest

_mine = tempfile.TemporaryDirectory(prefix="workshop-mine-", ignore_cleanup_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    """Point WORKSHOP_MINE away from the learner's folder, for this process and its kernels."""
    os.environ["WORKSHOP_MINE"] = _mine.name
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel of this environment, no other


def pytest_unconfigure(config: pytest.Config) -> None:
    _mine.cleanup()
