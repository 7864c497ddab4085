"""How the tests are distributed, and the temporary learner's folder for every process and notebook."""

import faulthandler
import functools
import gc
import os
import subprocess
import tempfile
from pathlib import Path

import hypothesis
import pytest

from tests import forked, needs, runs
from workshop import stages

NOTEBOOKS_NEED = {"20_processes": needs.needs_postgres}
MOST_WORKERS = 8  # with more, the longest file alone decides how long a run takes

# Hypothesis would fail an example that takes 0.2 s, which happens on a busy machine.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

_mine = tempfile.TemporaryDirectory(prefix="workshop-mine-", ignore_cleanup_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    """Set WORKSHOP_MINE, so that this process and its kernels never use the learner's real folder."""
    os.environ["WORKSHOP_MINE"] = _mine.name
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel of this environment, no other
    stages.popen = forked.popen


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return one worker more than there are cores, because tests also wait for other programs.

    With two more, a run on two cores takes as long, but needs 8% more CPU time.

    A single file needs no further workers, because all its tests run in the same one.
    """
    files = {argument.partition("::")[0] for argument in config.args}
    if len(files) == 1 and all(Path(name).is_file() for name in files):
        return 0
    return min((os.cpu_count() or 1) + 1, MOST_WORKERS)


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """Mark the quick tests, and put the longest files first: xdist hands them out in this order."""
    for item in items:
        if runs.is_quick(item.nodeid) and not item.get_closest_marker("long"):
            item.add_marker("quick")
    first = {config.rootpath / name: place for place, name in enumerate(runs.LONGEST)}
    items.sort(key=lambda item: first.get(item.path, len(first)))


def pytest_collection_finish() -> None:
    """Let garbage collection ignore what exists before the tests: all modules and all items."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)  # before the notebook's kernel starts
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give each notebook a folder of its own, as `workshop refresh` does.

    If this machine lacks what a notebook needs, skip its cells. A long test may take any time.
    """
    if item.get_closest_marker("long"):
        faulthandler.cancel_dump_traceback_later()
    mine = Path(_mine.name)
    os.environ.pop("IPYTHONDIR", None)
    if item.path.suffix == ".ipynb":
        NOTEBOOKS_NEED.get(item.path.stem, lambda: "")()
        os.environ["IPYTHONDIR"] = _ipython()
        mine /= item.path.stem
        mine.mkdir(exist_ok=True)
    os.environ["WORKSHOP_MINE"] = str(mine)


@functools.cache
def _ipython() -> str:
    """Return a folder for IPython, with which a kernel forks its stages."""
    for kind in ("step", "chat"):
        forked.start_nursery(kind)
    folder = Path(_mine.name) / "ipython"
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "fork.py").write_text(forked.IN_A_KERNEL, encoding="utf-8")
    return str(folder)


@pytest.fixture
def unforked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start stages with a new interpreter, as a learner's computer does."""
    monkeypatch.setattr(stages, "popen", subprocess.Popen)


def pytest_unconfigure(config: pytest.Config) -> None:
    _mine.cleanup()
