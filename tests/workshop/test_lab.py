"""The copies of the notebooks belong to the learner, and JupyterLab is local, quiet and in `.venv`."""

import errno
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.workshop.running_lab import START_TIMEOUT_S, Lab, running_lab
from workshop import lab, paths

posix_only = pytest.mark.skipif(os.name == "nt", reason="the shells of Linux and macOS")


def notebook(source: str, output: str = "42") -> dict[str, Any]:
    code = {
        "cell_type": "code",
        "id": "a1",
        "metadata": {},
        "source": source,
        "execution_count": 7,
        "outputs": [{"output_type": "stream", "name": "stdout", "text": output}],
    }
    prose = {"cell_type": "markdown", "id": "a2", "metadata": {}, "source": "Größe"}
    return {"cells": [code, prose], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workshop's folder with one notebook, which has not been copied yet."""
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "steps.toml").touch()
    (tmp_path / "notebooks").mkdir()
    write(tmp_path / "notebooks" / "00_start.ipynb", notebook("6 * 7"))
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path / "mine"))
    return tmp_path


def write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), "utf-8")


# ---- the copies ---------------------------------------------------------------------------------


def test_a_copy_has_every_cell_and_no_output(folder: Path) -> None:
    (copy,) = lab.copy_notebooks()
    assert copy == folder / "mine" / "notebooks" / "00_start.ipynb"
    code, prose = json.loads(copy.read_text("utf-8"))["cells"]
    assert code["source"] == "6 * 7"
    assert code["outputs"] == []
    assert code["execution_count"] is None
    assert prose["source"] == "Größe"


def test_the_workshops_own_notebook_keeps_its_outputs(folder: Path) -> None:
    before = (folder / "notebooks" / "00_start.ipynb").read_bytes()
    lab.copy_notebooks()
    assert (folder / "notebooks" / "00_start.ipynb").read_bytes() == before


def test_a_learners_copy_is_never_written_again(folder: Path) -> None:
    (copy,) = lab.copy_notebooks()
    copy.write_text("mine now", "utf-8")
    write(folder / "notebooks" / "00_start.ipynb", notebook("7 * 7"))
    assert lab.copy_notebooks() == []
    assert copy.read_text("utf-8") == "mine now"


def test_a_setting_that_removes_docstrings_does_not_reach_the_checks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    assert "PYTHONOPTIMIZE" not in lab.environment()


def test_a_full_disk_leaves_no_half_notebook(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full_disk, pytest.raises(OSError):
        full_disk.setattr(Path, "replace", fail)
        lab.copy_notebooks()
    assert list((folder / "mine" / "notebooks").iterdir()) == []
    assert len(lab.copy_notebooks()) == 1


def test_a_new_notebook_of_the_workshop_is_copied_later(folder: Path) -> None:
    lab.copy_notebooks()
    write(folder / "notebooks" / "01_setup.ipynb", notebook("1"))
    assert [copy.name for copy in lab.copy_notebooks()] == ["01_setup.ipynb"]


def test_changed_cells_of_an_original_are_told_and_new_outputs_are_not(folder: Path) -> None:
    (copy,) = lab.copy_notebooks()
    write(folder / "notebooks" / "00_start.ipynb", notebook("6 * 7", output="forty-two"))
    assert lab.changed_since_copied() == []
    write(folder / "notebooks" / "00_start.ipynb", notebook("7 * 7"))
    assert lab.changed_since_copied() == [copy]


# ---- the command --------------------------------------------------------------------------------


def test_a_named_port_is_the_only_one_tried_and_8888_is_not(folder: Path) -> None:
    assert "--ServerApp.port_retries=0" in lab.lab_command(False, 9000)
    assert "--ServerApp.port=9000" in lab.lab_command(False, 9000)
    assert "--ServerApp.port=8888" in lab.lab_command(False, None)
    assert "--ServerApp.port_retries=50" in lab.lab_command(False, None)


def test_a_learners_folder_elsewhere_is_opened_there(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"--ServerApp.root_dir={folder}" in lab.lab_command(True, None)
    elsewhere = tmp_path_factory.mktemp("elsewhere").resolve()
    monkeypatch.setenv("WORKSHOP_MINE", str(elsewhere))
    assert f"--ServerApp.root_dir={elsewhere}" in lab.lab_command(True, None)


# ---- the real one -------------------------------------------------------------------------------


@pytest.fixture
def running(folder: Path) -> Iterator[Lab]:
    """A JupyterLab for somebody whose .bashrc puts other Pythons first, as conda and pyenv do."""
    home = folder / "home"
    home.mkdir()
    (home / ".bashrc").write_text("PATH=/usr/local/bin:/usr/bin:/bin\nalias python=python3\n")
    own = {"HOME": str(home), "SHELL": "/bin/bash", "WORKSHOP_ROOT": str(folder)}
    with running_lab(**own, PYTHONPATH=str(folder / "stray")) as lab:
        yield lab


@posix_only
def test_jupyterlab_opens_at_the_first_notebook_in_this_environment(running: Lab) -> None:
    assert running.path == "lab/tree/mine/notebooks/00_start.ipynb"
    assert '"news": {"disabled": true}' in running.ask(running.path)
    asked = running.ask("lab/api/settings/@jupyterlab/apputils-extension:notification")
    properties = json.loads(asked)["schema"]["properties"]
    assert properties["fetchNews"]["default"] == "false"  # "none" is what asks the learner
    assert properties["checkForUpdates"]["default"] is False
    shown = running.in_a_terminal("command -v python; pwd; echo path=$PYTHONPATH.")
    assert str(Path(sys.executable).parent / "python") in shown
    assert "path=." in shown
    assert str(paths.ROOT) in shown


@posix_only
def test_jupyterlab_names_itself_localhost_and_has_no_proxy(running: Lab) -> None:
    """A live page at another port of localhost has another origin, but is on the same site."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(HTTPError, match="404"):
            running.ask(f"proxy/{port}/")
    printed = running.printed + running.end()
    assert running.root in printed
    assert "127.0.0.1" not in printed


def test_a_taken_port_is_explained(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        port = squatter.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "workshop", "notebooks", "--no-browser", "--port", str(port)],
            env=os.environ | {"WORKSHOP_ROOT": str(folder)},
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
        )
    assert ended.returncode == 2
    assert f"Port {port} is taken by another program." in ended.stderr
    assert re.search(r"What to do: choose another one, such as --port \d+", ended.stderr)
    assert "Traceback" not in ended.stderr
