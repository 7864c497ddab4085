"""The lock files contain what pyproject.toml asks for, and work on every machine that we support."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest
import requests
from packaging.markers import Marker
from packaging.requirements import Requirement

from tests.needs import needs_uv
from workshop import paths
from workshop.locks import LOCKS, lock

PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]
SYSTEMS = {  # uv's name for a system -> what markers ask for
    "x86_64-manylinux_2_28": ("linux", "x86_64"),
    "aarch64-manylinux_2_28": ("linux", "aarch64"),
    "aarch64-apple-darwin": ("darwin", "arm64"),
    "x86_64-apple-darwin": ("darwin", "x86_64"),
    "x86_64-pc-windows-msvc": ("win32", "AMD64"),
}
SIX = {"flask", "flask-socketio", "jupyter", "python-socketio", "pytest", "nbval"}
CHAT_NEEDS_AT_MOST = 60  # packages, on any one machine
ENTRY = re.compile(r"(?m)^([a-z0-9._-]+)==([^\s;\\]+)(?: ; (.+?))? *\\?$")
machines = pytest.mark.parametrize(("python", "system"), [*product(PYTHONS, SYSTEMS)])


def text_of(name: str) -> str:
    return (paths.ROOT / name).read_text(encoding="utf-8")


def machine(python: str, system: str) -> dict[str, str]:
    """Return the values of the markers on a machine."""
    name, processor = SYSTEMS[system]
    return {
        "python_version": python, "python_full_version": f"{python}.1",
        "implementation_name": "cpython", "platform_python_implementation": "CPython",
        "sys_platform": name, "platform_machine": processor,
        "os_name": "nt" if name == "win32" else "posix",
        "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[name],
    }  # fmt: skip


def pins(name: str, here: dict[str, str]) -> dict[str, str]:
    """Return the versions that a lock installs on a machine, by name. No package has two versions."""
    found: dict[str, str] = {}
    for package, version, marker in ENTRY.findall(text_of(name)):
        if not marker or Marker(marker).evaluate(here):
            assert package not in found, f"{name} pins {package} twice on {here}"
            found[package] = version
    return found


def asked_for() -> Iterator[tuple[str, Requirement]]:
    """Yield each requirement in pyproject.toml, with a lock file that must contain it."""
    contents = tomllib.loads(text_of("pyproject.toml"))
    project, groups = contents["project"], contents["dependency-groups"]
    extras = project["optional-dependencies"]
    wanted = {
        "requirements-steps.lock": project["dependencies"],
        "requirements-chat.lock": [*project["dependencies"], *extras["chat"]],
        "requirements-scale.lock": [*project["dependencies"], *extras["chat"], *extras["scale"]],
        "requirements.lock": [
            *project["dependencies"], *extras["chat"], *extras["scale"], *extras["notebooks"]
        ],
        "requirements-test.lock": [*project["dependencies"], *(r for e in extras.values() for r in e)],
        "requirements-build.lock": [*groups["build"], *contents["build-system"]["requires"]],
        "requirements-uv.lock": groups["uv"],
    }  # fmt: skip
    assert set(wanted) == set(LOCKS)
    assert set(extras) == {"chat", "scale", "notebooks", "test"}
    assert set(groups) == {"dev", "build", "uv"}
    for name, requirements in wanted.items():
        yield from ((name, Requirement(each)) for each in requirements)


@machines
def test_every_lock_holds_what_pyproject_asks_for(python: str, system: str) -> None:
    here = machine(python, system)
    locked = {name: pins(name, here) for name in LOCKS}
    tried = 0
    for name, requirement in asked_for():
        if requirement.marker and not requirement.marker.evaluate(here):
            continue
        assert requirement.specifier.contains(locked[name][requirement.name]), requirement
        tried += 1
    assert tried > 60
    for package in {package for each in locked.values() for package in each}:
        versions = {each[package] for each in locked.values() if package in each}
        assert len(versions) == 1, f"{package}: {versions}"


@pytest.mark.parametrize("name", [*LOCKS, "package-lock.json", "environment.yml", ".npmrc"])
def test_no_lock_or_environment_file_names_a_host(name: str) -> None:
    assert "://" not in text_of(name)


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_a_hash(name: str) -> None:
    entries = re.split(r"\n(?=\S)", text_of(name).strip())
    assert len(entries) >= 1
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_environment_yml_brings_the_six_packages_and_no_version_of_its_own() -> None:
    lines = [line.split("#")[0].strip() for line in text_of("environment.yml").splitlines()]
    entries = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    newest = int(PYTHONS[-1].removeprefix("3."))
    python, lock_line = f"python >={PYTHONS[0]},<3.{newest + 1}", "-r requirements-test.lock"
    assert entries == ["conda-forge", python, "pip", "nodejs", "pip:", lock_line]
    assert set(pins("requirements-test.lock", machine("3.13", "x86_64-manylinux_2_28"))) >= SIX


# ---- the chat as a product ----------------------------------------------------------------------


@machines
def test_the_chat_needs_few_packages(python: str, system: str) -> None:
    needed = pins("requirements-chat.lock", machine(python, system))
    assert {"gevent", "argon2-cffi", "flask"} <= set(needed)
    assert len(needed) <= CHAT_NEEDS_AT_MOST
    assert not {"jupyterlab", "ipykernel", "pytest", "mini-racer"} & set(needed)


@pytest.fixture
def only_the_chats_packages(tmp_path: Path) -> Path:
    """Return a folder with the packages in requirements-chat.lock, linked from this environment."""
    import importlib.metadata as metadata

    folder = tmp_path / "packages"
    folder.mkdir()
    for package in [p for p, _, m in ENTRY.findall(text_of("requirements-chat.lock"))
                    if not m or Marker(m).evaluate()]:  # fmt: skip
        distribution = metadata.distribution(package)
        tops = {Path(str(file)).parts[0] for file in distribution.files or []} - {
            "..",
            "__pycache__",
        }
        for top in tops:
            if not (folder / top).exists():  # two distributions share the folder zope
                (folder / top).symlink_to(Path(str(distribution.locate_file(top))))
    import socketio_browser

    (folder / "socketio_browser").symlink_to(Path(socketio_browser.__file__).parent)
    return folder


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_the_chat_runs_with_only_the_packages_of_its_own_lock(
    only_the_chats_packages: Path, tmp_path: Path
) -> None:
    search = os.pathsep.join([str(only_the_chats_packages), str(paths.ROOT)])
    assert_it_serves([sys.executable, "-S"], tmp_path, PYTHONPATH=search)


def assert_it_serves(python: list[str], folder: Path, **settings: str) -> None:
    """Start the chat in a folder, and request its first page and its browser client."""
    with subprocess.Popen(
        [*python, "-m", "final_app", "--no-browser", "--port", "0"],
        cwd=folder,
        env={**os.environ, "CHAT_DATA_DIR": str(folder / "data"), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            assert server.stdout
            said = next((line for line in server.stdout if "The chat is at" in line), "")
            (port,) = re.findall(r"http://localhost:(\d+)", said)
            for path in ("/healthz", "/first-run", "/socketio_browser/socket.io.min.js"):
                reply = requests.get(f"http://127.0.0.1:{port}{path}", timeout=10)
                assert reply.ok, f"{path}: {reply.status_code}"
        finally:
            server.terminate()


# ---- with a network -----------------------------------------------------------------------------


@pytest.fixture
def uv(monkeypatch: pytest.MonkeyPatch) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Return a function that runs uv in an empty folder, so that no file there influences it."""
    program = needs_uv()
    monkeypatch.delenv("UV_PYTHON", raising=False)

    def run(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [program, *arguments], cwd=cwd, capture_output=True, text=True, encoding="utf-8"
        )

    return run


def would_install(name: Path, python: str, system: str) -> list[str]:
    """Return uv's arguments for a dry run that installs a lock file on a machine, from wheels only."""
    options = ["--dry-run", "--target", "nowhere", "--no-deps", "--require-hashes"]
    where = ["--python-version", python, "--python-platform", system]
    return ["pip", "install", *options, "--only-binary", ":all:", *where, "-r", str(name)]


@pytest.mark.long
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_installs_from_wheels(
    uv: Callable[..., "subprocess.CompletedProcess[str]"],
    tmp_path: Path,
    name: str,
    python: str,
    system: str,
) -> None:
    told = uv(*would_install(paths.ROOT / name, python, system), cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "Would install" in told.stderr


@pytest.mark.long
def test_a_pin_without_a_wheel_would_be_noticed(
    uv: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    """The negative twin: gevent's newest release has no wheel for this Python on macOS."""
    newest = [
        each for each in re.split(r"\n(?=\S)", text_of("requirements.lock")) if "gevent==26" in each
    ]
    assert len(newest) == 1
    harmful = tmp_path / "harmful.lock"
    harmful.write_text(re.sub(r" ; .*?(?= \\)", "", newest[0]) + "\n")
    told = uv(*would_install(harmful, "3.11", "aarch64-apple-darwin"), cwd=tmp_path)
    assert told.returncode != 0
    assert "gevent" in told.stderr
    told = uv(*would_install(harmful, "3.12", "aarch64-apple-darwin"), cwd=tmp_path)
    assert told.returncode == 0


@pytest.mark.long
def test_resolving_from_nothing_gives_the_committed_locks(tmp_path: Path) -> None:
    lock(tmp_path)
    for name in LOCKS:
        assert (tmp_path / name).read_text("utf-8") == text_of(name), name


@pytest.mark.long
def test_the_chat_installs_as_a_product(
    uv: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    """`pip install '.[chat]'` in an empty environment, then `python -m final_app` elsewhere."""
    copy = tmp_path / "workshop"
    ignored = shutil.ignore_patterns(".venv", "mine", "build", ".git", "instance", "__pycache__")
    shutil.copytree(paths.ROOT, copy, ignore=ignored)
    uv("venv", "--python", sys.executable, "env", cwd=tmp_path)
    python = tmp_path / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    told = uv("pip", "install", "--python", str(python), f"{copy}[chat]", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    listed = uv("pip", "list", "--python", str(python), "--format", "json", cwd=tmp_path)
    names = {each["name"] for each in json.loads(listed.stdout)}
    assert "gevent" in names and len(names) <= CHAT_NEEDS_AT_MOST and "jupyterlab" not in names
    shutil.rmtree(copy)
    assert_it_serves([str(python)], tmp_path)
