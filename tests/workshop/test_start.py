"""start.py: what it installs and when, what it leaves unchanged, and what it says if it fails.

The tests use the real uv, pip and environments, on a small workshop with its own packages, without
a network.
"""

import ast
import base64
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.needs import needs_uv
from workshop.__main__ import parser
from workshop.lab import lab_command

ROOT = Path(__file__).resolve().parents[2]
SOURCE = (ROOT / "start.py").read_text("utf-8")
PINNED = {
    "requirements.lock": ["tea", "milk"],
    "requirements-test.lock": ["tea", "milk", "cup"],
    "requirements-steps.lock": ["tea"],
    "requirements-build.lock": [],
}
# A build backend that needs no other package; it records what it was built from, as hatch_build.py does.
BACKEND = """
import hashlib, start, zipfile
from pathlib import Path

def get_requires_for_build_editable(settings=None):
    return []

def build_editable(folder, settings=None, metadata=None):
    sources = b"".join((start.ROOT / name).read_bytes() for name in start.BUILT_FROM)
    name = "chat_workshop-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder) / name, "w") as wheel:
        wheel.writestr("_chat_workshop.pth", str(start.ROOT))
        wheel.writestr("socketio_browser/built_from.sha256", hashlib.sha256(sources).hexdigest())
        info = "chat_workshop-0.1.0.dist-info/"
        about = ["Metadata-Version: 2.1", "Name: chat-workshop", "Version: 0.1.0"]
        wheel.writestr(info + "METADATA", chr(10).join(about))
        about = ["Wheel-Version: 1.0", "Root-Is-Purelib: true", "Tag: py3-none-any"]
        wheel.writestr(info + "WHEEL", chr(10).join(about))
        wheel.writestr(info + "RECORD", "")
    return name
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "chat-workshop"
version = "0.1.0"
"""


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str] | None = None) -> str:
    """Make a wheel with one module, or with `files`, and return its line for a lock."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info/"
    content = (files or {f"{name}.py": f"version = {version!r}\n"}) | {
        info + "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        info + "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [f"{each},sha256={digest_of(text)},{len(text)}" for each, text in content.items()]
    with zipfile.ZipFile(path, "w") as wheel:
        for each, text in {**content, info + "RECORD": "\n".join(lines)}.items():
            wheel.writestr(each, text)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name}=={version} --hash=sha256:{digest}\n"


def digest_of(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def load(folder: Path) -> ModuleType:
    """Import the start.py of `folder`."""
    spec = importlib.util.spec_from_file_location("start_of_a_copy", folder / "start.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small workshop in a folder whose name contains a space and a Cyrillic letter."""
    wheels, copy = tmp_path / "index", tmp_path / "my chat ж"
    wheels.mkdir()
    copy.mkdir()
    shutil.copy(ROOT / "start.py", copy)
    lines = {name: make_wheel(wheels, name, "1.0") for name in ("tea", "milk", "cup")}
    for lock, names in PINNED.items():
        (copy / lock).write_text("".join(lines[name] for name in names))
    (copy / "requirements-uv.lock").write_text("uv==0\n")
    (copy / "pyproject.toml").write_text(PYPROJECT)
    (copy / "backend.py").write_text(BACKEND)
    for name in load(copy).BUILT_FROM[1:]:
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text("a source\n")
    for tool in ("UV", "PIP"):
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(wheels))
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return copy


@pytest.fixture
def start(folder: Path) -> ModuleType:
    """The start.py of the small workshop, with the real uv and with the wheels of step 01."""
    module = load(folder)
    module.BUILD.mkdir()
    Path(module.UV).symlink_to(needs_uv())
    return module


@pytest.fixture
def ready(start: ModuleType, capsys: pytest.CaptureFixture[str]) -> ModuleType:
    set_up(start)
    assert installed(start) == {"tea": "1.0", "milk": "1.0", "chat_workshop": "0.1.0"}
    capsys.readouterr()
    return start


def set_up(start: ModuleType, *, with_tests: bool = False) -> None:
    """Set up without the wheels of step 01, which a `pip` in `.venv` would have to download."""
    keep_wheels, start.keep_wheels = start.keep_wheels, lambda: None
    start.set_up(with_tests)
    start.keep_wheels = keep_wheels


def installed(start: ModuleType) -> dict[str, str]:
    """Return the packages in `.venv`: name -> version."""
    names = (path.name.removesuffix(".dist-info") for path in start.site_files("*.dist-info"))
    return dict(name.split("-", 1) for name in names)


def pin_newer_tea(start: ModuleType) -> None:
    line = make_wheel(Path(os.environ["UV_FIND_LINKS"]), "tea", "2.0")
    lock = start.ROOT / "requirements.lock"
    milk = lock.read_text().splitlines(keepends=True)[1]
    lock.write_text(line + milk)


# ---- what is installed, and when ----------------------------------------------------------------


def test_a_second_call_installs_nothing(
    ready: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(ready)
    assert capsys.readouterr().out == ""


def test_the_tests_add_what_only_they_need(ready: ModuleType) -> None:
    set_up(ready, with_tests=True)
    assert installed(ready)["cup"] == "1.0"
    set_up(ready)  # and an exact sync is not what it does: the learner's own packages stay
    assert installed(ready)["cup"] == "1.0"


def test_a_changed_lock_brings_the_new_version_and_nothing_else(
    ready: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    pin_newer_tea(ready)
    set_up(ready)
    assert installed(ready) == {"tea": "2.0", "milk": "1.0", "chat_workshop": "0.1.0"}
    assert "Install the workshop" not in capsys.readouterr().out


def test_a_changed_source_of_the_build_installs_the_project_again(
    ready: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ready.BUILT_FROM:
        with (ready.ROOT / name).open("a") as file:
            file.write("\n")
        set_up(ready)
        out = capsys.readouterr().out
        assert "Install the workshop" in out, name
        assert "Install the pinned packages" not in out, name


def test_the_build_records_what_start_py_compares() -> None:
    source = (ROOT / "hatch_build.py").read_text("utf-8")
    tree = ast.parse(source)
    names = {"PIN_FILES", "BUILT_FROM"}
    assigned = [n for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id in names]  # type: ignore[attr-defined]
    values: dict[str, object] = {}
    exec(compile(ast.Module(assigned, []), "hatch_build.py", "exec"), values)
    assert values["BUILT_FROM"] == load(ROOT).BUILT_FROM
    import socketio_browser

    record = Path(socketio_browser.__file__).with_name("built_from.sha256").read_text()
    sources = b"".join((ROOT / name).read_bytes() for name in load(ROOT).BUILT_FROM)
    assert record == hashlib.sha256(sources).hexdigest()


def test_an_environment_that_somebody_else_made_is_kept_and_completed(start: ModuleType) -> None:
    uv = str(start.UV)
    subprocess.run([uv, "venv", "--quiet", start.VENV], check=True)
    make_wheel(Path(os.environ["UV_FIND_LINKS"]), "honey", "3.0")
    options = ["--quiet", "--python", start.PYTHON]
    subprocess.run([uv, "pip", "install", *options, "tea==1.0", "honey"], check=True)
    before = start.VENV.stat().st_ino
    set_up(start)
    assert start.VENV.stat().st_ino == before
    assert installed(start) == {
        "tea": "1.0", "milk": "1.0", "honey": "3.0", "chat_workshop": "0.1.0",
    }  # fmt: skip


def test_uv_comes_from_the_wheel_that_the_lock_names(start: ModuleType) -> None:
    Path(start.UV).unlink()
    program = "uv.exe" if os.name == "nt" else "uv"
    files = {f"uv-9.9.data/scripts/{program}": "#!/bin/sh\necho it is uv\n", "uv/__init__.py": ""}
    line = make_wheel(Path(os.environ["PIP_FIND_LINKS"]), "uv", "9.9", files)
    start.UV_PIN.write_text(line)
    start.download_uv()
    assert "it is uv" in start.UV.read_text()
    assert os.access(start.UV, os.X_OK)
    assert [path.name for path in start.BUILD.iterdir() if path.is_dir()] == []

    start.UV.unlink()
    start.UV_PIN.write_text(line.replace("sha256:", "sha256:0")[:-2] + "\n")
    with pytest.raises(start.SetUpError, match="tested with"):
        start.download_uv()
    assert not start.UV.exists()


def test_a_package_that_is_not_what_the_lock_says_is_refused(start: ModuleType) -> None:
    wheels = Path(os.environ["UV_FIND_LINKS"])
    make_wheel(wheels, "tea", "1.0", {"tea.py": "import os; os.system('…')\n"})
    with pytest.raises(start.SetUpError, match="tested with"):
        set_up(start)
    assert "tea" not in installed(start)


def test_a_folder_name_in_any_alphabet_is_on_the_path(ready: ModuleType) -> None:
    """Python 3.11 reads .pth files in the locale's encoding, which on Windows is not UTF-8."""
    ask = f"import sys; print({str(ready.ROOT)!a} in sys.path)"
    other = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    for encoding in ({}, other):
        said = subprocess.run(
            [ready.PYTHON, "-c", ask], env=os.environ | encoding, cwd=ready.BUILD,
            capture_output=True, text=True,
        )  # fmt: skip
        assert said.stdout == "True\n", said.stderr
    assert ready.is_in_place()


# ---- what is repaired ---------------------------------------------------------------------------


def lose_its_python(start: ModuleType) -> None:
    start.PYTHON.unlink()


def move(start: ModuleType) -> None:
    (pth,) = start.site_files("_chat_workshop.pth")
    pth.write_text(str(start.ROOT.parent / "elsewhere"))


@pytest.mark.parametrize("harm", [lose_its_python, move])
def test_an_environment_that_cannot_run_is_made_again(
    ready: ModuleType, harm: Callable[[ModuleType], None]
) -> None:
    (ready.VENV / "left over").touch()
    harm(ready)
    set_up(ready)
    assert not (ready.VENV / "left over").exists()
    assert ready.is_in_place()
    assert installed(ready) == {"tea": "1.0", "milk": "1.0", "chat_workshop": "0.1.0"}


def test_what_an_interrupted_set_up_left_is_installed_again(ready: ModuleType) -> None:
    (module,) = ready.site_files("tea.py")
    module.unlink()  # it may be a hard link into uv's cache
    module.write_text("half a fi")
    set_up(ready)
    assert module.read_text() == "half a fi"  # uv compares only names and versions, so
    ready.UNFINISHED.touch()  # an interrupted setup leaves this mark
    set_up(ready)
    assert module.read_text() == "version = '1.0'\n"
    assert not ready.UNFINISHED.exists()


def test_ctrl_c_leaves_the_mark_of_an_unfinished_set_up(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    start.make_venv()

    def ctrl_c(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(start, "run", ctrl_c)
    assert start.main(["--setup-only"]) == 130
    assert start.UNFINISHED.exists()


def test_a_folder_that_is_no_environment_is_never_deleted(start: ModuleType) -> None:
    start.VENV.mkdir()
    (start.VENV / "precious").touch()
    with pytest.raises(start.SetUpError, match="Setup deletes only virtual environments"):
        set_up(start)
    assert (start.VENV / "precious").exists()


def test_two_set_ups_at_once_take_turns(start: ModuleType) -> None:
    code = "import start; start.keep_wheels = lambda: None; start.set_up(False)"
    both = [
        subprocess.Popen([sys.executable, "-c", code], cwd=start.ROOT, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(b"Create the environment" in each for each in said) == [False, True]


# ---- programs that run --------------------------------------------------------------------------


@pytest.fixture
def a_program(ready: ModuleType) -> Iterator["subprocess.Popen[str]"]:
    """A program that runs from `.venv` until its input ends, like JupyterLab."""
    code = "print('running', flush=True); input()"
    with subprocess.Popen(
        [ready.PYTHON, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout and program.stdin
        assert program.stdout.readline() == "running\n"
        yield program
        program.stdin.close()


def test_on_windows_powershell_chooses_the_programs(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It prints umlauts in an encoding that differs. The Python of `.venv` starts the real one."""
    asked: list[str] = []

    def answer(*command: str) -> str:
        asked.extend(command)
        return f"7 C:\\J\ufffdrgen\\.venv\\jupyter.exe\n{os.getppid()} C:\\.venv\\python.exe"

    monkeypatch.setattr(start, "answer", answer)
    with monkeypatch.context() as windows:
        windows.setattr(os, "name", "nt")
        found = start.programs_in_venv()
    assert found == ["C:\\J\ufffdrgen\\.venv\\jupyter.exe"]
    assert "StartsWith($env:VIRTUAL_ENV, " in asked[-1]
    assert start.environment()["VIRTUAL_ENV"] == str(start.VENV)


def test_on_macos_jupyterlab_is_known_by_its_options(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There, `ps` shows the real Python: python.org's Python puts its path into `argv[0]`."""
    python = "/Library/Frameworks/Python.framework/Resources/Python.app/Contents/MacOS/Python"
    _, *options = lab_command(browser=True, port=None)
    own = " ".join(options).replace(str(ROOT), str(start.ROOT))
    listed = f"  7 {python} {own}\n  8 {python} -m http.server\n"
    monkeypatch.setattr(start, "answer", lambda *_: listed)
    (found,) = start.programs_in_venv()
    assert found.startswith(f"{python} -m workshop.localhost ")


def change_a_source(start: ModuleType) -> None:
    (start.ROOT / "package.json").write_text("changed\n")


@pytest.mark.parametrize("change", [pin_newer_tea, change_a_source, move])
def test_nothing_is_replaced_under_a_program_without_asking(
    ready: ModuleType,
    a_program: "subprocess.Popen[str]",
    change: Callable[[ModuleType], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change(ready)
    before = sorted((path, path.stat().st_mtime_ns) for path in ready.VENV.rglob("*"))
    with pytest.raises(ready.SetUpError, match="Setup changed nothing"):
        set_up(ready)
    assert str(ready.PYTHON) in capsys.readouterr().out
    after = sorted((path, path.stat().st_mtime_ns) for path in ready.VENV.rglob("*"))
    assert before == after
    assert a_program.poll() is None

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "y")
    set_up(ready)
    assert ready.is_in_place()


def test_what_is_missing_is_added_under_a_program(
    ready: ModuleType, a_program: "subprocess.Popen[str]"
) -> None:
    set_up(ready, with_tests=True)
    assert installed(ready)["cup"] == "1.0"


# ---- from a kit ---------------------------------------------------------------------------------


@pytest.fixture
def kit(start: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kit for the small workshop. There is no other source of packages."""
    folder = tmp_path / "USB, ж"
    (folder / "npm").mkdir(parents=True)
    Path(os.environ["UV_FIND_LINKS"]).rename(folder / "wheels")
    for tool in ("UV", "PIP"):
        monkeypatch.delenv(f"{tool}_FIND_LINKS")
    describe(start, folder)
    return folder


def describe(start: ModuleType, kit: Path, **changed: object) -> None:
    """Write the kit.json of a kit."""
    wheels = [path for path in (kit / "wheels").iterdir() if "cup" not in path.name]
    about = {
        "machines": ["windows-amd64-3.13", start.this_machine()],
        "locks": {name: start.digest_of(start.ROOT / name) for name in PINNED},
        "files": {f"wheels/{path.name}": path.stat().st_size for path in wheels},
    }
    (kit / "kit.json").write_text(json.dumps(about | changed))


def again(start: ModuleType) -> ModuleType:
    """Return start.py as the next command would load it."""
    module = load(start.ROOT)
    module.keep_wheels = lambda: None
    return module


def test_a_kit_replaces_the_network(start: ModuleType, kit: Path) -> None:
    start.keep_wheels = lambda: None
    with pytest.raises(start.SetUpError):
        start.set_up(with_tests=False)  # the twin: nothing else has the wheels
    start.set_up(with_tests=False, kit=str(kit))
    assert installed(start) == {"tea": "1.0", "milk": "1.0", "chat_workshop": "0.1.0"}
    assert start.INSTALLERS["WORKSHOP_KIT"] == str(kit)
    log = start.LOG.read_text("utf-8").split("$ ")
    assert "--offline --no-index" in log[-1]


def test_later_commands_remember_the_kit(start: ModuleType, kit: Path) -> None:
    start.keep_wheels = lambda: None
    start.set_up(with_tests=False, kit=str(kit))
    shutil.rmtree(start.VENV)
    later = again(start)
    later.set_up(with_tests=False)
    assert installed(later)["tea"] == "1.0"


def use_up(start: ModuleType, kit: Path) -> None:
    shutil.rmtree(kit)


def pin_another(start: ModuleType, kit: Path) -> None:
    (start.ROOT / "requirements-steps.lock").write_text("")


@pytest.mark.parametrize("change", [use_up, pin_another])
def test_a_remembered_kit_that_fits_no_more_is_ignored(
    start: ModuleType, kit: Path, change: Callable[[ModuleType, Path], None]
) -> None:
    start.keep_wheels = lambda: None
    start.set_up(with_tests=False, kit=str(kit))
    assert "--offline" in start.UV_INSTALL
    change(start, kit)
    later = again(start)
    later.set_up(with_tests=False)
    assert "--offline" not in later.UV_INSTALL


def test_tests_do_not_use_a_remembered_kit(start: ModuleType, kit: Path) -> None:
    start.choose_kit(str(kit), with_tests=False)
    later = again(start)
    later.choose_kit(None, with_tests=True)
    assert "--offline" not in later.UV_INSTALL


def lose_its_contents(start: ModuleType, kit: Path) -> None:
    (kit / "kit.json").unlink()


def leave_unfinished(start: ModuleType, kit: Path) -> None:
    (kit / "kit.json").write_text("{}")


def make_for_another(start: ModuleType, kit: Path) -> None:
    describe(start, kit, machines=["windows-amd64-3.13"])


def lose_a_wheel(start: ModuleType, kit: Path) -> None:
    (kit / "wheels" / "tea-1.0-py3-none-any.whl").unlink()


def cut_a_wheel(start: ModuleType, kit: Path) -> None:
    (kit / "wheels" / "tea-1.0-py3-none-any.whl").write_bytes(b"half")


MISFITS = {
    lose_its_contents: ["start.py kit` made", "has no kit.json", "check the path"],
    leave_unfinished: ["start.py kit` made", "damaged", "copy the whole folder"],
    make_for_another: ["this Python", "a kit for windows-amd64-3.13", "start.py kit --for"],
    pin_another: ["pins", "other versions of requirements-steps.lock", "make a new kit"],
    lose_a_wheel: ["files of the kit", "1 missing or incomplete: wheels/tea-1.0", "copy the whole"],
    cut_a_wheel: ["files of the kit", "1 missing or incomplete: wheels/tea-1.0", "copy the whole"],
}


@pytest.mark.parametrize(("harm", "phrases"), MISFITS.items())
def test_a_kit_that_does_not_fit_is_refused_with_what_to_do(
    start: ModuleType,
    kit: Path,
    harm: Callable[[ModuleType, Path], None],
    phrases: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    harm(start, kit)
    assert start.main(["--offline", str(kit), "doctor"]) == 1
    told = " ".join(capsys.readouterr().err.split())
    expected, found, to_do = phrases
    assert expected in told.partition("Expected:")[2].partition("Found:")[0]
    assert found in told.partition("Found:")[2].partition("What to do:")[0]
    assert to_do in told.partition("What to do:")[2]
    assert not start.VENV.exists()
    assert not start.LAST_KIT.exists()


def test_a_kit_does_not_claim_to_run_the_tests(
    start: ModuleType, kit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start.main(["--offline", str(kit), "test"]) == 1
    assert "more packages than a kit contains" in capsys.readouterr().err


def flip_bits(wheel: Path) -> None:
    wheel.write_bytes(wheel.read_bytes().replace(b"tea.py", b"tee.py"))


def fill_with_zeros(wheel: Path) -> None:
    wheel.write_bytes(bytes(wheel.stat().st_size))


def replace_by_another(wheel: Path) -> None:
    size = wheel.stat().st_size
    make_wheel(wheel.parent, "tea", "1.0", {"tea.py": "version = '1.6'\n"})
    assert wheel.stat().st_size == size


@pytest.mark.parametrize("harm", [flip_bits, fill_with_zeros, replace_by_another])
def test_a_damaged_wheel_of_the_right_size_is_not_installed(
    start: ModuleType, kit: Path, harm: Callable[[Path], None]
) -> None:
    harm(kit / "wheels" / "tea-1.0-py3-none-any.whl")
    with pytest.raises(start.SetUpError, match="another copy of the kit"):
        start.set_up(with_tests=False, kit=str(kit))
    assert "tea" not in installed(start)


def test_a_kit_is_for_the_python_that_the_environment_has(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = start.this_machine()
    assert before.endswith("-{}.{}".format(*sys.version_info))
    start.make_venv()
    assert start.this_machine() == before
    monkeypatch.setattr(start, "answer", lambda *command: "3.99\n")
    assert start.this_machine() == before.rpartition("-")[0] + "-3.99"


@pytest.mark.parametrize(
    ("given", "kit", "rest"),
    [
        (["--offline", "KIT"], "KIT", []),
        (["--offline", "KIT", "run", "05"], "KIT", ["run", "05"]),
        (["--offline", "KIT", "--setup-only"], "KIT", ["--setup-only"]),
        (["--setup-only", "--offline", "KIT"], "KIT", ["--setup-only"]),
        (["--offline"], "", []),
        (["run", "05"], None, ["run", "05"]),
        (["run", "--offline"], None, ["run", "--offline"]),
        ([], None, []),
    ],
)
def test_the_kit_comes_before_the_command(
    start: ModuleType, given: list[str], kit: str | None, rest: list[str]
) -> None:
    assert start.split_kit(given) == (kit, rest)


# ---- what it says when it cannot ----------------------------------------------------------------

TOLD = {
    "OSError: [Errno 28] No space left on device": "disk space",
    "error: failed to copy file: There is not enough space on the disk. (os error 112)": "disk space",
    "npm error code ENOSPC": "disk space",
    "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.": "tested with",
    "  cause: Hash mismatch for `aiosignal==1.4.0`": "tested with",
    "  cause: Failed to extract archive: flask-3.1.3-py3-none-any.whl": "tested with",
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
    "ERROR: No matching distribution found for greenlet==3.5.6": "3.11 to 3.15",
    "Collecting jupyter-server-proxy==4.6.0\nSomething else went wrong": "read the log",
    "  cause: A directory already exists at: .venv": "move it away",
    "  cause: invalid peer certificate: UnknownIssuer": "SSL_CERT_FILE",
    "error: No interpreter found for Python 3.14 in virtual environments": "3.11 to 3.15",
    "": "read the log",
}


@pytest.mark.parametrize(("output", "phrase"), TOLD.items())
def test_a_failure_says_what_to_do(start: ModuleType, output: str, phrase: str) -> None:
    told = str(start.explained("[1/4] Something: FAILED.", output))
    assert phrase in told
    for word in ("Expected:", "Found:", "What to do:"):
        assert word in told


def test_a_failure_repeats_the_installers_last_words_and_names_the_log(
    start: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(os.environ["UV_FIND_LINKS"], "tea-1.0-py3-none-any.whl").unlink()
    assert start.main(["check", "05"]) == 1
    told = capsys.readouterr().err
    assert "Continuing" not in told
    assert "tea" in told
    assert str(start.LOG) in told
    assert "pip install" in start.LOG.read_text("utf-8")


def test_without_a_network_the_workshop_starts_with_what_there_is(
    ready: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pin_newer_tea(ready)
    Path(os.environ["UV_FIND_LINKS"], "tea-2.0-py3-none-any.whl").unlink()
    handed: list[list[str]] = []
    monkeypatch.setattr(ready, "hand_over", lambda arguments: handed.append(arguments) or 0)
    assert ready.main(["check", "05"]) == 0
    assert handed == [["-m", "workshop", "check", "05"]]
    assert "Continuing with what is already installed" in capsys.readouterr().err
    assert ready.main(["test"]) == 1
    assert len(handed) == 1


def test_without_a_terminal_each_command_has_two_lines(
    start: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    start.run([sys.executable, "-c", "print('Collecting flask')"], "Install")
    first, last = capsys.readouterr().out.splitlines()
    assert first == "Install ..."
    assert last.startswith("Install: done, ")


def test_a_terminal_shows_one_line_that_fits(
    start: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    start.run([sys.executable, "-c", "print('Downloading ' + 60 * 'x')"], "Install")
    shown = capsys.readouterr().out.split("\r")
    assert any(line.startswith("Install ... 0 s Downloading xxx") for line in shown)
    assert max(map(len, shown)) <= 40
    assert shown[-1].startswith("Install: done, ")


# ---- Python -------------------------------------------------------------------------------------


def test_a_too_old_python_is_named_with_its_version_and_place(start: ModuleType) -> None:
    told = start.too_old((3, 8, 18), "/usr/bin/python3")
    assert "3.11 to 3.15" in told
    assert "3.8.18" in told
    assert "/usr/bin/python3" in told


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 15, 1), (4, 0, 0)])
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


def keep(start: ModuleType) -> None:
    """Create the wheels of step 01."""
    (start.VENV / "wheels").mkdir()
    shutil.copy(start.ROOT / "requirements-steps.lock", start.VENV / "wheels")


def test_help_needs_no_set_up_and_lists_every_verb(folder: Path) -> None:
    told = call(folder, "--help", PYTHONIOENCODING="cp1252")
    assert told.returncode == 0
    assert not (folder / ".venv").exists()
    verbs = next(action for action in parser()._actions if action.choices).choices
    assert verbs
    for verb in [*verbs, "test", "--setup-only", "--offline"]:
        assert verb in told.stdout


def test_a_verb_reaches_the_workshop_in_its_own_environment(ready: ModuleType) -> None:
    keep(ready)
    package = ready.ROOT / "workshop"
    package.mkdir()
    (package / "__main__.py").write_text(
        "import json, os, sys\n"
        "names = 'VIRTUAL_ENV', 'PYTHONPATH', 'PATH', 'PYTHONOPTIMIZE'\n"
        "print(json.dumps([sys.argv[1:], sys.prefix, *map(os.environ.get, names)]))\n"
        "sys.exit(7)\n"
    )
    done = call(ready.ROOT, "check", "05", PYTHONPATH="/stray", CONDA_PREFIX="/opt/conda",
                PYTHONOPTIMIZE="2")  # fmt: skip
    arguments, prefix, virtual_env, python_path, path, optimize = json.loads(done.stdout)
    assert done.returncode == 7
    assert arguments == ["check", "05"]
    assert prefix == virtual_env == str(ready.VENV)
    assert python_path is None
    assert optimize is None, "without docstrings, the checks would have no sentences"
    assert path.split(os.pathsep)[0] == str(ready.SCRIPTS)
    assert "conda" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "handed"),
    [
        ([], ["-m", "workshop", "notebooks"]),
        (["--no-browser"], ["-m", "workshop", "notebooks", "--no-browser"]),
        (["run", "05"], ["-m", "workshop", "run", "05"]),
        (["test", "-k", "chat"], ["-m", "pytest", "-k", "chat"]),
        (["test", "quick"], ["-m", "pytest", "-m", "quick"]),
        (["test", "quick", "-x"], ["-m", "pytest", "-m", "quick", "-x"]),
    ],
)
def test_each_call_reaches_its_program(
    start: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    handed: list[str],
) -> None:
    monkeypatch.setattr(start, "set_up", lambda with_tests, kit: None)
    monkeypatch.setattr(start, "hand_over", lambda given: given)
    monkeypatch.setattr(os, "chdir", lambda folder: None)
    assert start.main(arguments) == handed


def test_a_path_that_the_console_cannot_spell_does_not_crash(ready: ModuleType) -> None:
    keep(ready)
    done = call(ready.ROOT, "--setup-only", PYTHONIOENCODING="cp1252", CONDA_PREFIX="")
    assert done.returncode == 0, done.stderr
    assert "my chat ?" in done.stdout
