"""The output of a second environment is plain text, as in stored outputs, with every Python."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workshop.environments import Environment, make_environment
from workshop.stages import child_environment

COLOURS_ERRORS = (3, 13)  # the first Python whose tracebacks have colours
WHERE = "import sys; print(sys.executable)"
ASKS = "import os; print([os.environ.get(name) for name in ('NO_COLOR', 'PYTHON_COLORS')])"


@pytest.fixture
def colourful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask every child process for coloured output, as ipykernel does."""
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "PYTHON_COLORS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.delenv("NO_COLOR", raising=False)


def environment(folder: Path, python: str) -> Environment:
    """Return an environment that contains only its Python."""
    made = Environment(folder)
    made.python.parent.mkdir(parents=True)
    made.python.symlink_to(python)
    return made


def find_colourful_python() -> str:
    if sys.version_info >= COLOURS_ERRORS:
        return sys.executable
    for command in filter(None, map(shutil.which, ("python3.13", "python3.14"))):
        # What is on PATH may be pyenv's wrapper, which works under its own name only, or not at all.
        found = subprocess.run([command, "-c", WHERE], capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.strip()
    pytest.skip("no Python from 3.13 on was found")


posix_only = pytest.mark.skipif(sys.platform == "win32", reason="a link to a program")


@posix_only
def test_an_error_has_no_escape_codes(tmp_path: Path, colourful: None) -> None:
    python = find_colourful_python()
    said = environment(tmp_path, python).run("import nosuchthing")
    assert said == "ModuleNotFoundError: No module named 'nosuchthing'"


@posix_only
def test_an_environment_that_was_interrupted_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        assert "timeout" not in options, "a slow disk needs minutes, at the second try, too"
        commands.append(command[3:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", run)
    half = environment(tmp_path / "second", sys.executable)
    (half.folder / "pyvenv.cfg").touch()
    make_environment()
    assert commands == [["--clear", half.folder]]
    half.python.with_name("activate").touch()  # the last thing that `python -m venv` makes
    make_environment()
    assert len(commands) == 1


@posix_only
def test_an_environment_and_a_stage_are_asked_for_no_colours(
    tmp_path: Path, colourful: None
) -> None:
    assert environment(tmp_path, sys.executable).run(ASKS) == "['1', '0']"
    passed = child_environment(tmp_path)
    assert (passed["NO_COLOR"], passed["PYTHON_COLORS"]) == ("1", "0")
    assert "NO_COLOR" not in os.environ, "the twin: it is the children who are asked"
