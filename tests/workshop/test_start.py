"""start.py: what it installs and when, what it leaves alone, and what it says when it cannot."""

import ast
import dataclasses
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from workshop.__main__ import parser

ROOT = Path(__file__).resolve().parents[2]
SOURCE = (ROOT / "start.py").read_text("utf-8")
EVERY_STEP = ["packages", "project", "wheels"]


def load(folder: Path) -> ModuleType:
    """Import the start.py of `folder`, with installers that only note that they ran."""
    spec = importlib.util.spec_from_file_location("start_of_a_copy", folder / "start.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["start_of_a_copy"] = module  # its dataclasses look their module up by name
    spec.loader.exec_module(module)
    for name in ("PACKAGES", "PROJECT", "OFFLINE", "TESTS"):
        pretend(module, name, f"open('journal', 'a').write('{getattr(module, name).name} ')")
    bare = [sys.executable, "-m", "venv", "--without-pip", str(module.VENV)]
    module.venv_command = lambda: bare  # pip itself would take seconds to install
    return module


def pretend(module: ModuleType, name: str, code: str) -> None:
    step = getattr(module, name)
    command = [sys.executable, "-c", code]
    setattr(module, name, dataclasses.replace(step, command=lambda: command))


def ran(start: ModuleType) -> list[str]:
    """Return the steps that ran since the last question."""
    journal = start.ROOT / "journal"
    steps = journal.read_text().split() if journal.exists() else []
    journal.unlink(missing_ok=True)
    return steps


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workshop's folder with all that set-up reads, and a space and a foreign letter in its name."""
    copy = tmp_path / "my chat ж"
    for name in ("start.py", "pyproject.toml", "package.json", "package-lock.json", ".npmrc"):
        place(name, copy)
    for name in ("hatch_build.py", "browser_client/blueprint.py"):
        place(name, copy)
    for name in ("requirements.lock", "requirements-steps.lock", "requirements-test.lock"):
        place(name, copy)
    return copy


def place(name: str, copy: Path) -> None:
    (copy / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / name, copy / name)


@pytest.fixture
def start(folder: Path) -> ModuleType:
    return load(folder)


@pytest.fixture
def ready(start: ModuleType) -> ModuleType:
    start.set_up(with_tests=False)
    assert ran(start) == EVERY_STEP
    return start


# ---- what is installed, and when ----------------------------------------------------------------


def test_a_second_call_installs_nothing(ready: ModuleType) -> None:
    ready.set_up(with_tests=False)
    assert ran(ready) == []


def test_the_tests_need_only_their_own_lock_on_top(ready: ModuleType) -> None:
    ready.set_up(with_tests=True)
    assert ran(ready) == ["tests"]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("requirements.lock", ["packages"]),
        ("requirements-steps.lock", ["wheels"]),
        ("requirements-test.lock", ["tests"]),
        ("pyproject.toml", ["project"]),
        ("package-lock.json", ["project"]),
        ("browser_client/blueprint.py", ["project"]),
        ("start.py", []),
    ],
)
def test_a_changed_file_runs_the_steps_that_read_it(
    ready: ModuleType, changed: str, expected: list[str]
) -> None:
    ready.set_up(with_tests=True)
    ran(ready)
    with (ready.ROOT / changed).open("a") as file:
        file.write("\n")
    ready.set_up(with_tests=True)
    assert ran(ready) == expected


def test_every_step_reads_files_that_exist(start: ModuleType) -> None:
    for step in (start.PACKAGES, start.PROJECT, start.OFFLINE, start.TESTS):
        assert step.reads
        assert all((ROOT / name).is_file() for name in step.reads)


# ---- what is mended -----------------------------------------------------------------------------


def cut_off(start: ModuleType) -> None:
    start.stamp(project=start.UNFINISHED)


def lose_its_python(start: ModuleType) -> None:
    start.PYTHON.unlink()


def lose_its_stamps(start: ModuleType) -> None:
    start.STAMPS.unlink()


def spoil_its_stamps(start: ModuleType) -> None:
    start.STAMPS.write_text("{half")


def belong_to_another_python(start: ModuleType) -> None:
    start.stamp(python="3.1")


@pytest.mark.parametrize(
    "harm",
    [cut_off, lose_its_python, lose_its_stamps, spoil_its_stamps, belong_to_another_python],
)
def test_a_broken_environment_is_made_anew(
    ready: ModuleType, harm: Callable[[ModuleType], None]
) -> None:
    (ready.VENV / "left over").touch()
    harm(ready)
    ready.set_up(with_tests=False)
    assert ran(ready) == EVERY_STEP
    assert not (ready.VENV / "left over").exists()
    assert ready.is_sound()


def test_a_moved_folder_gets_a_new_environment(ready: ModuleType, tmp_path: Path) -> None:
    shutil.move(ready.ROOT, tmp_path / "elsewhere")
    moved = load(tmp_path / "elsewhere")
    moved.set_up(with_tests=False)
    assert ran(moved) == EVERY_STEP


def test_a_step_that_failed_is_all_that_runs_again(start: ModuleType) -> None:
    pretend(start, "PROJECT", "import sys; sys.exit('npm error code EBADENGINE')")
    with pytest.raises(start.SetUpError, match="EBADENGINE"):
        start.set_up(with_tests=False)
    assert ran(start) == ["packages"]
    (start.VENV / "kept").touch()

    pretend(start, "PROJECT", "open('journal', 'a').write('project ')")
    start.set_up(with_tests=False)
    assert ran(start) == ["project", "wheels"]
    assert (start.VENV / "kept").exists()


def test_a_step_that_was_interrupted_is_remembered(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ctrl_c(*_: object) -> None:
        raise KeyboardInterrupt

    start.make_venv(1)
    monkeypatch.setattr(start, "run", ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        start.do(start.PACKAGES, 1, 1)
    assert start.read_stamps()["packages"] == start.UNFINISHED
    assert not start.is_sound()


def test_a_folder_that_is_no_environment_is_never_deleted(start: ModuleType) -> None:
    start.VENV.mkdir()
    (start.VENV / "precious").touch()
    with pytest.raises(start.SetUpError, match="in the way"):
        start.set_up(with_tests=False)
    assert (start.VENV / "precious").exists()


def test_one_set_up_works_at_a_time(start: ModuleType) -> None:
    with start.one_at_a_time(), (start.ROOT / "build" / "setup.lock").open("w") as second:
        assert not start.try_to_lock(second.fileno())
    with (start.ROOT / "build" / "setup.lock").open("w") as third:
        assert start.try_to_lock(third.fileno())


# ---- uv or pip ----------------------------------------------------------------------------------


def test_uv_is_used_when_it_is_there_and_pip_otherwise(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/tools/{name}")
    assert start.install_pins("x.lock")[:3] == ["/tools/uv", "pip", "install"]
    monkeypatch.setattr(shutil, "which", lambda name: None)
    command = start.install_pins("x.lock")
    assert command[:4] == [str(start.PYTHON), "-m", "pip", "install"]
    assert "--require-hashes" in command


# ---- what it says when it cannot ----------------------------------------------------------------

TOLD = {
    "OSError: [Errno 28] No space left on device": "disk space",
    "error: failed to copy file: There is not enough space on the disk. (os error 112)": "disk space",
    "npm error code ENOSPC": "disk space",
    "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.": "tested with",
    "  cause: Hash mismatch for `aiosignal==1.4.0`": "tested with",
    "created successfully because ensurepip is not\navailable. On Debian/Ubuntu": "python3-venv",
    "/usr/bin/python3: No module named venv": "python3-venv",
    "OSError: [Errno 2] HINT: This error might have occurred since this system does not have "
    "LongPathsEnabled": "short path",
    "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/x'": "write",
    "PermissionError: [WinError 5] Access is denied: 'C:\\\\x'": "write",
    "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError'": "network",
    "socket.gaierror: [Errno -3] Temporary failure in name resolution": "network",
    "  cause: dns error: failed to lookup address information": "network",
    "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))": "PIP_CERT",
    "ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407'))": "HTTPS_PROXY",
    "npm error code ECONNREFUSED": "network",
    "RuntimeError: The Socket.IO browser client could not be fetched.": "npm",
    "ERROR: No matching distribution found for greenlet==3.5.6": "3.11 to 3.14",
    "Collecting jupyter-server-proxy==4.6.0\nSomething else went wrong": "read the log",
    "": "read the log",
}


@pytest.mark.parametrize(("output", "phrase"), TOLD.items())
def test_a_failure_says_what_to_do(start: ModuleType, output: str, phrase: str) -> None:
    told = str(start.explained("[1/4] Something: FAILED.", output))
    assert phrase in told
    for word in ("Expected:", "Came:", "What to do:"):
        assert word in told


def test_a_failure_repeats_the_installers_last_words_and_names_the_log(
    start: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(start, "PACKAGES", "import sys; print('before'); sys.exit('[Errno 28] No space left')")
    assert start.main(["--setup-only"]) == 1
    told = capsys.readouterr().err
    assert "No space left" in told
    assert str(start.LOG) in told
    assert "before" in start.LOG.read_text("utf-8")


def test_without_a_terminal_each_step_is_a_line_and_shows_that_it_lives(
    start: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = start.Clock("[2/4] Install")
    clock.show("Collecting flask")
    assert "Collecting flask" not in capsys.readouterr().out  # too early for a sign of life
    monkeypatch.setattr(start, "SIGN_OF_LIFE_S", 0)
    clock = start.Clock("[2/4] Install")
    clock.show("Collecting flask")
    clock.stop("done")
    out = capsys.readouterr().out
    assert out.startswith("[2/4] Install ...")
    assert "Collecting flask" in out
    assert "done, 0.0 s" in out


def test_a_line_that_is_too_long_is_cut_between_words(
    start: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    doing = "Installing collected packages: pure-eval, ptyprocess, widgetsnbextension, websockets"
    monkeypatch.setattr(start, "SIGN_OF_LIFE_S", 0)
    clock = start.Clock("[2/4] Install")
    clock.show(doing)
    assert capsys.readouterr().out.endswith("ptyprocess, widgetsnbextension, ...\n")
    clock.show("Collecting flask")
    assert capsys.readouterr().out.endswith(": Collecting flask\n")
    monkeypatch.setenv("COLUMNS", "72")
    clock.in_place = True
    clock.show(doing)
    line = capsys.readouterr().out
    assert line.startswith("\r[2/4] Install ... 0 s Installing")
    assert line.rstrip().endswith("packages: pure-eval, ...")
    assert len(line) == 1 + 71


# ---- Python -------------------------------------------------------------------------------------


def test_a_too_old_python_is_named_with_its_version_and_place(start: ModuleType) -> None:
    told = start.too_old((3, 8, 18), "/usr/bin/python3")
    assert "3.11 or newer" in told
    assert "3.8.18" in told
    assert "/usr/bin/python3" in told


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 1), (4, 0, 0)])
def test_a_new_python_is_not_called_too_old(start: ModuleType, version: tuple[int, ...]) -> None:
    assert start.too_old(version, "python") is None


def test_python_3_7_can_read_the_file_far_enough_to_say_so() -> None:
    ast.parse(SOURCE, feature_version=(3, 7))
    with pytest.raises(SyntaxError):  # the guard is no guard if it lets everything pass
        ast.parse(SOURCE + "\nmatch 1:\n    case 1: pass\n", feature_version=(3, 7))


def test_what_an_ancient_python_cannot_read_is_the_sentence_itself() -> None:
    first = next(line for line in SOURCE.splitlines() if 'f"' in line)
    assert "needs Python" in first
    assert SOURCE.isascii()  # else it would stumble over a letter first


# ---- handing over -------------------------------------------------------------------------------


def call(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "start.py", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_help_needs_no_set_up_and_lists_every_verb(folder: Path) -> None:
    told = call(folder, "--help", PYTHONIOENCODING="cp1252")
    assert told.returncode == 0
    assert not (folder / ".venv").exists()
    verbs = next(action for action in parser()._actions if action.choices).choices
    assert verbs
    for verb in [*verbs, "test", "--setup-only"]:
        assert verb in told.stdout


def test_a_verb_reaches_the_workshop_in_its_own_environment(ready: ModuleType) -> None:
    package = ready.ROOT / "workshop"
    package.mkdir()
    (package / "__main__.py").write_text(
        "import json, os, sys\n"
        "names = 'VIRTUAL_ENV', 'PYTHONPATH', 'PATH'\n"
        "print(json.dumps([sys.argv[1:], sys.prefix, *map(os.environ.get, names)]))\n"
        "sys.exit(7)\n"
    )
    done = call(ready.ROOT, "check", "05", PYTHONPATH="/stray", CONDA_PREFIX="/opt/conda")
    arguments, prefix, virtual_env, python_path, path = json.loads(done.stdout)
    assert done.returncode == 7
    assert arguments == ["check", "05"]
    assert prefix == virtual_env == str(ready.VENV)
    assert python_path is None
    assert path.split(os.pathsep)[0] == str(ready.SCRIPTS)
    assert "conda" in done.stderr


def test_the_verb_that_may_be_left_out_is_notebooks(start: ModuleType) -> None:
    assert start.named([]) == ["notebooks"]
    assert start.named(["--no-browser"]) == ["notebooks", "--no-browser"]
    assert start.named(["run", "05"]) == ["run", "05"]


def test_a_path_that_the_console_cannot_spell_does_not_crash(ready: ModuleType) -> None:
    done = call(ready.ROOT, "--setup-only", PYTHONIOENCODING="cp1252", CONDA_PREFIX="")
    assert done.returncode == 0, done.stderr
    assert "my chat ?" in done.stdout
