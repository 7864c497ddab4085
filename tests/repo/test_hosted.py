"""Binder, Codespaces and uv: which Python they choose, and whether the hosts' setup really works."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests
import yaml
from packaging.specifiers import SpecifierSet

from tests.needs import needs_repo2docker
from workshop import paths
from workshop.run import taken
from workshop.stages import stage

HUB = "/user/ada/"  # where a hub puts the server of one person
FIRST_NOTEBOOK = "mine/notebooks/00_start.ipynb"
SETUP_TIMEOUT = 600  # seconds; a slow line downloads 150 packages in it
LEFT_OUT = shutil.ignore_patterns(".venv", "build", "mine", ".git", "__pycache__", ".*_cache")

not_on_windows = pytest.mark.skipif(sys.platform == "win32", reason="the hosts run Linux")


def without_comments(name: str) -> dict[str, object]:
    """Return the content of one of VS Code's JSON files. Comments must be on separate lines."""
    text = (paths.ROOT / name).read_text("utf-8")
    return dict(json.loads(re.sub(r"(?m)^\s*//.*$", "", text)))


def supported_pythons() -> list[str]:
    workflow = yaml.safe_load((paths.ROOT / ".github/workflows/tests.yml").read_text("utf-8"))
    return list(workflow["jobs"]["pins"]["strategy"]["matrix"]["python"])


def bare_environment(**more: str) -> dict[str, str]:
    """Return an environment like that of a new container: `python3` is the Python of this environment.

    PATH contains no programs from this environment. Otherwise, the test would use them instead of those
    that the container must provide.
    """
    ours = ("WORKSHOP_", "JUPYTER", "JPY_", "VIRTUAL_ENV", "PYTHON")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    base = Path(getattr(sys, "_base_executable", sys.executable)).parent
    others = [folder for folder in env["PATH"].split(os.pathsep) if sys.prefix not in folder]
    return env | {"PATH": os.pathsep.join([str(base), *others])} | more


def set_up(folder: Path, command: list[str]) -> Path:
    """Run a host's setup command in a copy of the workshop without `.venv`. Return the copy."""
    shutil.copytree(paths.ROOT, folder, ignore=LEFT_OUT)
    result = subprocess.run(
        command,
        cwd=folder,
        env=bare_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SETUP_TIMEOUT,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.fixture(scope="module")
def binder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return set_up(tmp_path_factory.mktemp("binder") / "jovyan", ["./.binder/postBuild"])


@pytest.fixture(scope="module")
def codespace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    command = str(without_comments(".devcontainer/devcontainer.json")["postCreateCommand"])
    return set_up(tmp_path_factory.mktemp("codespace") / "workshop", ["/bin/sh", "-c", command])


def execute_first_notebook(folder: Path, *program: str) -> None:
    result = subprocess.run(
        [*program, "nbconvert", "--to", "notebook", "--execute", "--stdout", FIRST_NOTEBOOK],
        cwd=folder,
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=SETUP_TIMEOUT,
    )
    assert result.returncode == 0, result.stderr
    assert "Kernel, folder and packages are as they should be." in result.stdout


@pytest.mark.long
@not_on_windows
def test_repo2docker_builds_a_tested_python_and_our_setup() -> None:
    """With `--no-build`, repo2docker prints what it would do, without Docker."""
    result = subprocess.run(
        [needs_repo2docker(), "--no-build", "--debug", str(paths.ROOT)],
        capture_output=True,
        text=True,
        timeout=SETUP_TIMEOUT,
    )
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    built = re.search(r"Building conda environment for python=(\S+)", said)
    assert built and built[1] in supported_pythons(), said
    dockerfile = said[said.index("\nFROM ") :]
    assert re.findall(r"(?m)^RUN \./(\S+)$", dockerfile) == [".binder/postBuild"]
    assert 'ENV R2D_ENTRYPOINT="${REPO_DIR}/.binder/start"' in dockerfile
    assert "pip install" not in dockerfile  # it would take what no lock has hashed


def test_codespaces_use_a_tested_python() -> None:
    container = without_comments(".devcontainer/devcontainer.json")
    image, _, version = str(container["image"]).partition(":")
    assert image == "python" and version in supported_pythons()


def test_uv_takes_only_a_tested_python() -> None:
    """The Python is not set in `.python-version`.

    pyenv reads that file, and would fail for everybody without this Python. uv would even replace a
    `.venv` that start.py has made with another Python, while JupyterLab is running.
    """
    allowed = SpecifierSet((paths.ROOT / ".python-versions").read_text("utf-8").strip())
    minors = [f"3.{minor}" for minor in range(9, 30)]
    assert [minor for minor in minors if minor in allowed] == supported_pythons()


@pytest.mark.long
@not_on_windows
def test_the_first_notebook_runs_in_a_codespace(codespace: Path) -> None:
    execute_first_notebook(codespace, ".venv/bin/jupyter")


@pytest.mark.long
@not_on_windows
def test_the_first_notebook_runs_on_binder(binder: Path) -> None:
    execute_first_notebook(binder, ".binder/start", "jupyter")


@pytest.fixture
def lab_on_binder(binder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the address of a JupyterLab started as by BinderHub, and the headers for access."""
    token = secrets.token_hex(8)
    options = ["--ip=127.0.0.1", "--port=0", "--allow-root"]
    for application in ("NotebookApp", "ServerApp"):
        options += [f"--{application}.base_url={HUB}", f"--{application}.token={token}"]
    server = subprocess.Popen(
        [".binder/start", "python3", "-c",
         "import os, sys, jupyterlab; os.execvp('jupyter-lab', sys.argv)", *options],
        cwd=binder, env=bare_environment(JUPYTERHUB_SERVICE_PREFIX=HUB), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert server.stdout
    try:
        addresses = (re.search(rf"http://127\.0\.0\.1:\d+{HUB}", line) for line in server.stdout)
        address = next(found.group() for found in addresses if found)
        # It prints the address a moment before it listens there.
        while server.poll() is None and not taken(urlsplit(address).port or 0):
            pass
        yield address, {"Authorization": f"token {token}"}
    finally:
        family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
        for process in family:
            process.kill()
        server.wait()
        server.stdout.close()


@pytest.mark.long
@not_on_windows
def test_jupyterlab_on_binder_is_the_workshops_with_its_proxy_and_settings(
    binder: Path, lab_on_binder: tuple[str, dict[str, str]]
) -> None:
    address, headers = lab_on_binder

    def answer(path: str) -> requests.Response:
        return requests.get(address + path, headers=headers, timeout=30)

    assert answer(f"api/contents/{FIRST_NOTEBOOK}?content=0").status_code == 200
    settings = answer("lab/api/settings/@jupyterlab/docmanager-extension:plugin").json()
    viewers = settings["schema"]["properties"]["defaultViewers"]["default"]
    assert viewers["html"] == "Editor"  # a learner's page opens as text
    with stage("05") as chat:
        assert "Welcome to the Chat Application!" in answer(f"proxy/{chat.port}/").text
