"""The notebooks' copies are the learner's, and JupyterLab is local, quiet and in `.venv`."""

import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket
from tornado.websocket import WebSocketClosedError

from workshop import lab, paths
from workshop.run import taken

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/(\S*)\?token=(\w+)")
START_TIMEOUT_S = 60
END_TIMEOUT_S = 30

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
    """A workshop's folder with one notebook, and no copy of it yet."""
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


class Lab:
    """A running JupyterLab and the address that it printed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.printed = ""
        assert process.stdout
        for line in process.stdout:
            self.printed += line
            found = ADDRESS.search(line)
            if found:
                self.port, self.path, self.token = found.groups()
                # It prints the address a moment before it listens there.
                while process.poll() is None and not taken(int(self.port)):
                    pass
                return
        raise AssertionError(f"JupyterLab printed no address:\n{self.printed}")

    def ask(self, path: str, method: str = "GET") -> str:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(answer.read().decode())

    def proxied(self, port: int, path: str = "", **headers: str) -> int:
        """Ask Jupyter's proxy for a page of a port of this machine; return the status."""
        return requests.get(
            f"http://127.0.0.1:{self.port}/proxy/{port}/{path}",
            headers={"Authorization": f"token {self.token}", **headers},
            timeout=20,
        ).status_code

    def end(self) -> str:
        """End this JupyterLab; return what it printed behind its address."""
        self.process.terminate()
        return self.process.communicate(timeout=END_TIMEOUT_S)[0]

    def in_a_terminal(self, command: str) -> str:
        """Type a command into a new terminal of this JupyterLab; return what came until it ended."""
        name = json.loads(self.ask("api/terminals", "POST"))["name"]
        address = f"ws://127.0.0.1:{self.port}/terminals/websocket/{name}?token={self.token}"
        terminal = websocket.create_connection(address, timeout=20)
        # The terminal echoes what is typed: the word that ends the wait must not stand in there.
        terminal.send(json.dumps(["stdin", f"{command}; echo E''ND\r"]))
        shown = ""
        while "END" not in shown:
            kind, *text = json.loads(terminal.recv())
            shown += text[0] if kind == "stdout" else ""
        terminal.close()
        return shown


@pytest.fixture
def running(folder: Path) -> Iterator[Lab]:
    """JupyterLab for someone whose .bashrc puts other Pythons first, as conda's and pyenv's do."""
    home = folder / "home"
    home.mkdir()
    (home / ".bashrc").write_text("PATH=/usr/local/bin:/usr/bin:/bin\nalias python=python3\n")
    code = (
        "from workshop.lab import open_notebooks; raise SystemExit(open_notebooks(browser=False))"
    )
    own = {"HOME": str(home), "SHELL": "/bin/bash", "WORKSHOP_ROOT": str(folder)}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **own, "PYTHONPATH": str(folder / "stray")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    give_up = threading.Timer(START_TIMEOUT_S, process.kill)
    give_up.start()
    try:
        lab = Lab(process)
        give_up.cancel()
        yield lab
    finally:
        give_up.cancel()
        process.terminate()
        process.wait(END_TIMEOUT_S)


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
def test_pages_that_ask_for_a_stopped_stage_leave_the_terminal_quiet(running: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stopped = server.getsockname()[1]
    for path in ("chat", "socket.io/?EIO=4&transport=polling", "static/style.css"):
        assert running.proxied(stopped, path) == 500
    assert running.proxied(stopped, Accept="text/event-stream") == 500
    address = f"ws://127.0.0.1:{running.port}/proxy/{stopped}/socket.io/?token={running.token}"
    attempt = websocket.create_connection(address, timeout=20)
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        attempt.recv()
    printed = running.end()
    # What it prints arrives here.
    assert "stopping" in printed, f"ended with {running.process.returncode}: {printed!r}"
    for unwanted in ("Traceback", "Error", "/proxy/", "User-Agent"):
        assert unwanted not in printed


@posix_only
def test_a_stage_that_answers_wrongly_is_still_told_in_the_terminal(running: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hang_up, args=(server,)).start()
        assert running.proxied(server.getsockname()[1]) == 500
    printed = running.end()
    assert "ConnectionResetError" in printed
    assert "500 GET /proxy/" in printed


def hang_up(server: socket.socket) -> None:
    """Take one connection and end it without an answer, without having read the question."""
    connection, _ = server.accept()
    connection.recv(1)
    connection.close()


nobody_there = pytest.mark.parametrize("error", [ConnectionRefusedError, WebSocketClosedError])


@nobody_there
def test_a_refused_connection_of_anybody_else_is_told(error: type[Exception]) -> None:
    record = logging.makeLogRecord({"msg": "Uncaught exception", "levelno": logging.ERROR})
    told = lab.NobodyThere()
    assert told.filter(record)
    try:
        raise error
    except error:
        assert told.filter(record)


@nobody_there
def test_a_signal_in_the_middle_of_a_refusal_is_told(error: type[Exception]) -> None:
    """Its handler runs wherever the program is, and so inside the handling of that exception."""
    told = lab.NobodyThere()
    noise = logging.makeLogRecord({"msg": "Uncaught exception", "levelno": logging.ERROR})
    stopping = logging.makeLogRecord(
        {"msg": "received signal 15, stopping", "levelno": logging.CRITICAL}
    )
    through_the_proxy = {"__name__": "jupyter_server_proxy.handlers", "error": error}
    try:
        exec("raise error", through_the_proxy)
    except error:
        assert not told.filter(noise)
        assert told.filter(stopping)
