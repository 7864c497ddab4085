"""`workshop kit`: what a kit for each machine contains, and the errors if it cannot be made.

No network is needed, because the tests fake the downloads of pip and npm. `test_offline.py` makes a
real kit.
"""

import importlib.util
import io
import json
import os
import re
import sys
import tarfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tests.workshop.test_start import load
from workshop import paths
from workshop.__main__ import main as command
from workshop.teaching import kit

NPM_PACKAGES = 20  # at least


def named(machine: str) -> dict[str, str]:
    """Return the requirements of a machine: name==version -> requirement with its hashes."""
    texts = [text for _, texts in kit.rounds(kit.find(machine)) for text in texts]
    return {text.split()[0]: text for text in texts}


def names(machine: str) -> set[str]:
    return {pin.partition("==")[0] for pin in named(machine)}


# ---- machines -----------------------------------------------------------------------------------


def test_there_is_a_kit_for_each_system_and_python_of_the_readme() -> None:
    assert len(kit.ALL) == 25
    assert {machine.python for machine in kit.ALL} == {"3.11", "3.12", "3.13", "3.14", "3.15"}
    assert str(kit.find("windows-amd64-3.13")) == "windows-amd64-3.13"


def test_start_py_has_the_same_name_for_this_machine() -> None:
    assert kit.this_machine() == load(paths.ROOT).this_machine()


@pytest.mark.parametrize(
    "name", ["windows-3.13", "windows-amd64-3.10", "linux", "", "macos-arm64-3.13.1"]
)
def test_another_name_is_refused_with_those_that_exist(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "kit"
    assert command(["kit", str(folder), "--for", "windows-amd64-3.13", "--for", name]) == 2
    told = capsys.readouterr().err
    assert repr(name) in told
    assert "Expected: SYSTEM-PYTHON" in told and "windows-amd64" in told and "3.15" in told
    assert "What to do:" in told
    assert not folder.exists()


# ---- what is in a kit ---------------------------------------------------------------------------


def test_each_machine_gets_its_own_packages() -> None:
    windows, linux, mac = (
        names(f"{system}-3.13") for system in ("windows-amd64", "linux-x86_64", "macos-arm64")
    )
    assert {"pywinpty", "colorama"} <= windows
    assert not {"pywinpty", "colorama"} & (linux | mac)
    assert "appnope" in mac - linux
    for each in (windows, linux, mac):
        assert {"uv", "flask", "jupyterlab", "gevent", "hatchling", "editables", "pip"} <= each
        assert kit.NODE not in each
        assert "pytest" not in each, "kits are for classes, not for the tests"


def test_a_package_whose_version_depends_on_the_patch_release_is_there_twice() -> None:
    twice = [pin for pin in named("linux-x86_64-3.11") if pin.startswith("soupsieve==")]
    once = [pin for pin in named("linux-x86_64-3.12") if pin.startswith("soupsieve==")]
    assert (len(twice), len(once)) == (2, 1)
    versions = [version for version, _ in kit.rounds(kit.find("linux-x86_64-3.11"))]
    assert versions == ["3.11.0", "3.11.99"]


@pytest.mark.parametrize("machine", [f"{system}-3.11" for system in kit.SYSTEMS])
def test_each_requirement_has_the_hashes_of_its_lock_and_no_marker(machine: str) -> None:
    locks = "".join((paths.ROOT / name).read_text("utf-8") for name in kit.PYTHON_LOCKS)
    known = {text.split()[0]: text for text in re.split(r"\n(?=[a-z0-9])", locks)}
    needed = named(machine)
    assert len(needed) > 140
    for pin, text in needed.items():
        hashes = text.split()[1:]
        assert hashes and all(each.startswith("--hash=sha256:") for each in hashes), text
        assert all(each in known[pin] for each in hashes)


# ---- making one ---------------------------------------------------------------------------------


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Replace each download with one that writes a file for each requested item. Return the commands."""
    commands: list[list[str]] = []

    def run(command: list[str], folder: Path, what: str) -> None:
        commands.append(command)
        if "pack" in command:
            for name in command[command.index("--ignore-scripts") + 1 :]:
                (folder / f"{name.replace('/', '-')}.tgz").write_bytes(name.encode())
        else:
            target = Path(command[command.index("-d") + 1])
            for line in Path(command[-1]).read_text().splitlines():
                (target / f"{line.split('==')[0]}.whl").write_bytes(b"a wheel")

    monkeypatch.setattr(kit, "run", run)
    monkeypatch.setattr(kit.shutil, "which", lambda name: f"/usr/bin/{name}")
    return commands


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each package from npm the hash in package-lock.json."""
    lock = json.loads((paths.ROOT / "package-lock.json").read_text("utf-8"))["packages"]
    hashes = {
        f"{path.rpartition('node_modules/')[2]}@{each['version']}": each["integrity"]
        for path, each in lock.items()
        if path
    }
    monkeypatch.setattr(kit, "integrity", lambda path: hashes[path.read_text()])


def test_a_kit_lists_its_files_and_what_it_is_for(
    tmp_path: Path,
    downloads: list[list[str]],
    trusting: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, machines = tmp_path / "a kit", ["windows-amd64-3.13", "macos-arm64-3.12"]
    assert kit.main(machines, str(folder)) == 0
    about = json.loads((folder / "kit.json").read_text())
    assert about["machines"] == machines
    assert set(about["locks"]) == {*kit.PYTHON_LOCKS, "package-lock.json"}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} - {"kit.json"}
    assert set(about["files"]) == there
    assert sum(name.startswith("npm/") for name in there) >= NPM_PACKAGES
    assert about["files"]["wheels/flask.whl"] == len(b"a wheel")
    assert f'python3 start.py --offline "{folder}"' in capsys.readouterr().out
    *wheels, packages = downloads
    assert "pack" in packages and "--fetch-retries=1" in packages, "without a network, it ends soon"
    assert "--loglevel=error" in packages, "otherwise, nobody would learn that the disk is full"
    assert [each for each in wheels[0] if each.startswith("--platform")] == ["--platform=win_amd64"]
    for each in wheels:
        assert {"--require-hashes", "--only-binary", "--no-deps"} <= set(each)


def test_start_py_accepts_what_the_command_makes(
    tmp_path: Path, downloads: list[list[str]], trusting: None
) -> None:
    start = load(paths.ROOT)
    kit.make(tmp_path / "kit", [kit.find(kit.this_machine())])
    assert start.misfit(tmp_path / "kit", with_tests=False) is None
    (tmp_path / "kit" / "wheels" / "flask.whl").unlink()
    assert start.misfit(tmp_path / "kit", with_tests=False) is not None


def test_a_package_that_is_not_what_the_lock_says_ends_it(
    tmp_path: Path, downloads: list[list[str]]
) -> None:
    with pytest.raises(RuntimeError, match="do not match the hashes"):
        kit.make(tmp_path / "kit", [kit.find("linux-x86_64-3.13")])
    assert load(paths.ROOT).misfit(tmp_path / "kit", with_tests=False) is not None


def test_a_download_that_fails_says_for_which_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import sys; print('WARNING: x'); print('ERROR: No such wheel'); sys.exit(1)"
    with pytest.raises(RuntimeError) as raised:
        kit.run([sys.executable, "-c", code], tmp_path, "the wheels for windows-amd64-3.13")
    told = str(raised.value)
    assert "windows-amd64-3.13" in told and "Found:    ERROR: No such wheel" in told
    assert "WARNING" not in told and "Expected:" in told and "What to do:" in told
    kit.run([sys.executable, "-c", ""], tmp_path, "nothing")  # the twin


def test_a_full_disk_is_not_a_problem_of_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "OSError: [Errno 28] No space left on device: '/tmp/x' -> '/media/usb/x'"
    code = f"import sys; sys.exit({said!r})"
    make = [sys.executable, "-c", code]
    monkeypatch.setattr(kit, "main", lambda *_: kit.run(make, tmp_path, "the wheels for a machine"))
    assert command(["kit"]) == 2
    told = capsys.readouterr().err
    assert "no space left on the disk for the wheels" in told and "free some disk space" in told
    assert "network" not in told


def test_a_kit_is_made_again_in_its_place_and_nothing_else_is_deleted(
    tmp_path: Path, downloads: list[list[str]], trusting: None
) -> None:
    machine = kit.find("linux-x86_64-3.13")
    kit.make(tmp_path / "kit", [machine])
    (tmp_path / "kit" / "wheels" / "old.whl").touch()
    (tmp_path / "kit" / "notes.txt").touch()
    kit.make(tmp_path / "kit", [machine])
    assert not (tmp_path / "kit" / "wheels" / "old.whl").exists()
    assert (tmp_path / "kit" / "notes.txt").exists()

    home = tmp_path / "home"
    (home / "wheels").mkdir(parents=True)
    (home / "wheels" / "precious.whl").touch()
    with pytest.raises(LookupError, match="is not empty"):
        kit.make(home, [machine])
    assert (home / "wheels" / "precious.whl").exists()


def test_a_machine_without_npm_uses_the_node_of_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(kit.shutil, "which", lambda name: None)
    monkeypatch.setattr(kit, "pip", lambda command, requirements, what: asked.append(requirements))
    found = kit.npm(tmp_path)
    assert found[0] == sys.executable and str(tmp_path) in found[2]
    ((requirement,),) = asked
    assert requirement.startswith(f"{kit.NODE}==") and "--hash=sha256:" in requirement


# ---- the browser's files, when the project is built from a kit ----------------------------------


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """hatch_build.py without the build backend, which this environment does not have."""
    interface = SimpleNamespace(BuildHookInterface=object)
    name = "hatchling.builders.hooks.plugin.interface"
    while name:
        monkeypatch.setitem(sys.modules, name, interface)
        name = name.rpartition(".")[0]
    spec = importlib.util.spec_from_file_location("hatch_build", paths.ROOT / "hatch_build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(os.name == "nt", reason="the program that takes the place of npm is a script")
def test_npm_can_print_in_any_encoding(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows, npm prints UTF-8, and the shell that runs it uses the console's code page."""
    npm = tmp_path / "npm"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    npm.write_text("#!/bin/sh\nprintf '\\342\\200\\235 \\201'\n")
    npm.chmod(0o755)
    build.npm_ci(tmp_path)
    npm.write_text("#!/bin/sh\nprintf '\\342\\200\\235 \\201'\nexit 1\n")
    with pytest.raises(RuntimeError, match="npm printed: ” \ufffd"):
        build.npm_ci(tmp_path)


@pytest.fixture
def packed(build: ModuleType, tmp_path: Path) -> Path:
    """The packages of a kit, and a project whose package-lock.json contains their hashes."""
    folder, files = tmp_path / "kit" / "npm", dict[str, list[str]]()
    folder.mkdir(parents=True)
    for source in build.FROM_NPM.values():
        _, name, file = source.split("/", 2)
        files.setdefault(name, []).append(file)
    packages = {}
    for name, contents in files.items():
        with tarfile.open(folder / f"{name}.tgz", "w:gz") as archive:
            for file in contents:
                text = b"/* Socket.IO v9.9.9 */" if file.endswith(".js") else file.encode()
                about = tarfile.TarInfo(f"package/{file}")
                about.size = len(text)
                archive.addfile(about, io.BytesIO(text))
        packages[f"node_modules/{name}"] = {"integrity": kit.integrity(folder / f"{name}.tgz")}
    lock, pin = {"packages": packages}, {"dependencies": {"socket.io-client": "9.9.9"}}
    for file, content in {"package-lock.json": lock, "package.json": pin, ".npmrc": {}}.items():
        (tmp_path / file).write_text(json.dumps(content))
    return tmp_path


def test_the_build_takes_the_browsers_files_from_a_kit(
    build: ModuleType, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    hook = build.BrowserClientHook()
    assert hook.dependencies() == [kit.NODE], "the twin: without a kit, the build needs Node"
    monkeypatch.setenv("WORKSHOP_KIT", str(packed / "kit"))
    assert hook.dependencies() == []
    made = build.fetch_client(packed, packed / "build")
    assert {source for source in build.FROM_NPM.values() if (made / source).is_file()} == set(
        build.FROM_NPM.values()
    )


def test_the_build_refuses_browser_files_that_are_not_what_the_lock_says(
    build: ModuleType, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKSHOP_KIT", str(packed / "kit"))
    with (packed / "kit" / "npm" / "linkedom.tgz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(RuntimeError, match="the package linkedom") as raised:
        build.fetch_client(packed, packed / "build")
    told = str(load(paths.ROOT).explained("Install: FAILED.", str(raised.value)))
    assert "another copy of the kit" in told
