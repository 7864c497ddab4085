"""`run` serves a stage in a terminal, with its address, reloading, and a reason for another port."""

import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.workshop.test_stages import PATIENCE, wait_until
from workshop import manifest
from workshop.__main__ import main
from workshop.clients import cast
from workshop.learner import bring, catch_up
from workshop.run import free_port, taken
from workshop.stages import Stage


class Running:
    """`workshop run …`, its address and its output.

    The output is read immediately, because a full pipe would block the program.
    """

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workshop", "run", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        assert self.process.stdout
        heading = self.process.stdout.readline()
        while "is running at" not in heading:
            heading += (line := self.process.stdout.readline())
            assert line, f"it ended: {heading}"
        self.url = heading.split()[-1]
        self.log: list[str] = []
        self._reader = threading.Thread(
            target=self.log.extend, args=(self.process.stdout,), daemon=True
        )
        self._reader.start()

    def stop(self) -> str:
        """Press Ctrl+C and return what was printed."""
        self.process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT))
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()  # which does nothing if it has ended
        self._reader.join(PATIENCE)
        return "".join(self.log)


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    server = Running(*arguments)
    try:
        yield server
    finally:
        server.stop()


def page_says(address: str, text: str) -> bool:
    try:
        return text in requests.get(address, timeout=PATIENCE).text
    except requests.RequestException:
        return False


def test_a_saved_file_is_served_without_a_new_start(my_chat: Path) -> None:
    catch_up("01")
    with running("mine", "--port", str(free_port(5300)[0])) as server:
        assert wait_until(lambda: page_says(server.url, "Served by"))
        app = my_chat / "app.py"
        app.write_text(app.read_text(encoding="utf-8").replace("Served by", "Brought by"))
        assert wait_until(lambda: page_says(server.url, "Brought by"))


def test_a_file_that_does_not_parse_does_not_end_it(my_chat: Path) -> None:
    catch_up("01")
    app = my_chat / "app.py"
    right = app.read_text(encoding="utf-8")
    with running("mine", "--port", str(free_port(5310)[0])) as server:
        assert wait_until(lambda: page_says(server.url, "Served by"))
        app.write_text(right + "\nthis is no Python\n", encoding="utf-8")
        assert wait_until(lambda: page_says(server.url, "SyntaxError"))
        app.write_text(right.replace("Served by", "Brought by"), encoding="utf-8")
        assert wait_until(lambda: page_says(server.url, "Brought by"))
        assert server.process.poll() is None


@pytest.mark.skipif(sys.platform == "win32", reason="`.venv`'s Python adds processes there")
def test_only_the_process_that_serves_waits_for_the_end_of_run(my_chat: Path) -> None:
    """On Windows, a process does not start while another one reads the input that they share."""
    with running("05", "--port", str(free_port(5325)[0])) as server:
        assert wait_until(lambda: page_says(server.url, "Chat Application"))
        reloader, serving = psutil.Process(server.process.pid).children(recursive=True)
        assert reloader.num_threads() == 1
        server.process.kill()
        assert psutil.wait_procs([reloader, serving], PATIENCE)[1] == []


def test_a_template_is_served_anew_too(my_chat: Path) -> None:
    catch_up("03")
    with running("mine", "--port", str(free_port(5320)[0])) as server:
        assert wait_until(lambda: page_says(server.url, "Welcome to the Chat Application!"))
        index = my_chat / "templates" / "index.html"
        index.write_text(index.read_text(encoding="utf-8").replace("Welcome", "Hello and welcome"))
        assert wait_until(lambda: page_says(server.url, "Hello and welcome"))


def test_a_closed_tab_leaves_no_traceback_and_no_code_400(my_chat: Path) -> None:
    with running("05", "--port", str(free_port(5330)[0])) as server:
        assert wait_until(lambda: page_says(server.url, "Chat Application"))
        there = Stage("05", Path(), "", port=int(server.url.rpartition(":")[2]))
        for person in cast(there, "Ada", "Bo"):
            person.disconnect()
        assert page_says(server.url + "/chat?username=Last", "Last")
        log = server.stop()
    assert "username=Last" in log
    for unwanted in ("Traceback", "code 400", '" 500', "transport=polling"):
        assert unwanted not in log


def test_ps_says_that_run_started_it(my_chat: Path) -> None:
    catch_up("01")
    with running("mine", "--port", str(free_port(5340)[0])) as server:
        assert wait_until(lambda: page_says(server.url, "Served by"))
        listed = subprocess.run(
            [sys.executable, "-m", "workshop", "ps"], capture_output=True, text=True
        )
    assert re.fullmatch(rf"mine +{server.url} +for 0 min, by `run`\n", listed.stdout)


def test_it_takes_the_next_port_and_says_why(my_chat: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        port = squatter.getsockname()[1]
        assert taken(port)
        chosen, reason = free_port(port)
    assert chosen > port
    assert re.search(rf"Port {port} is taken by another program.* uses {chosen}", reason)


def test_a_named_port_that_is_taken_is_explained() -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        port = str(squatter.getsockname()[1])
        words = [sys.executable, "-m", "workshop", "run", "01", "--port", port]
        result = subprocess.run(words, capture_output=True, text=True)
    assert result.returncode == 2
    assert f"Port {port} is taken by another program.\nExpected: " in result.stderr
    assert "What to do: choose another one, such as --port " in result.stderr


def test_a_port_that_windows_reserves_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody answers there, and nobody can open it: WinError 10013."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        reserved = server.getsockname()[1]
    bind = socket.socket.bind

    def refusing(self: socket.socket, address: Any) -> None:
        if address[1] == reserved:
            raise PermissionError(errno.EACCES, "An attempt was made to access a socket")
        bind(self, address)

    monkeypatch.setattr(socket.socket, "bind", refusing)
    chosen, reason = free_port(reserved)
    assert chosen > reserved
    assert reason.startswith(f"Port {reserved} is taken by the system, which reserves it, so ")
    assert main(["run", "01", "--port", str(reserved)]) == 2
    assert f"Port {reserved} is taken by the system" in capsys.readouterr().err


def test_a_free_port_is_taken_without_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not taken(port)
    assert free_port(port) == (port, "")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("check 99", "16_downloads, 17_tour"),
        ("run 17", "17_tour is a lab about the finished application, not a step."),
        ("catch-up 17", "`python3 start.py check 17` works"),
        (
            "class --hours -1",
            "Class mode cannot last -1 hours.\nExpected: more than 0 and at most 10",
        ),
    ],
)
def test_what_cannot_be_done_is_explained(
    command: str, told: str, my_chat: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command.split()) == 2
    assert told in capsys.readouterr().err


def no_space(source: object, target: object, **_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))


@pytest.mark.parametrize(
    ("trouble", "todo"),
    [("chat is a file", "so rename the file"), ("a full disk", "free some disk space")],
)
def test_an_error_of_the_system_says_what_to_do_and_loses_nothing(
    trouble: str, todo: str, my_chat: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if trouble == "a full disk":
        catch_up("01")
        monkeypatch.setattr(shutil, "copyfile", no_space)
    else:
        my_chat.write_text("my notes", "utf-8")
    before = sorted(my_chat.parent.rglob("*"))
    assert main(["catch-up", "02"]) == 2
    told = capsys.readouterr().err
    assert re.fullmatch(rf"\[Errno \d+\] .*\.\nWhat to do: .*{todo}\. .* again\.\n", told)
    assert {*before} <= {*my_chat.parent.rglob("*")}
    if trouble == "a full disk":  # the next `bring` must not believe that it has copied the folder
        with pytest.raises(shutil.Error):
            bring("20_processes")
        assert sorted(my_chat.parent.rglob("*")) == before


@pytest.mark.parametrize("words", [["run", "77"], ["check", "77"], ["catch-up", "77"]])
def test_an_unknown_step_is_a_sentence_and_no_traceback(words: list[str], my_chat: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "workshop", *words], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "Expected one of: 01_setup" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_finished_application_has_a_command_of_its_own() -> None:
    words = [sys.executable, "-m", "workshop", "run", "final_app"]
    result = subprocess.run(words, capture_output=True, text=True)
    assert result.returncode == 2
    assert "`python3 start.py chat`" in result.stderr


@pytest.mark.parametrize("command", ["run", "class"])
@pytest.mark.parametrize("which", ["mine/speed", "mine/processes", "18_speed/finished"])
def test_what_only_a_notebook_can_start_is_not_tried(
    command: str, which: str, my_chat: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for lab in ("18_speed", "20_processes"):
        bring(lab)
    assert main([command, which]) == 2
    assert "runs only in its notebook" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "0", "70000", "http"])
@pytest.mark.parametrize("command", ["run 05", "class 05", "chat", "notebooks"])
def test_a_port_that_cannot_be_is_refused(
    command: str, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*command.split(), "--port", port])
    assert "expected a number from 1 to 65535" in capsys.readouterr().err


def test_a_step_can_be_named_by_a_number() -> None:
    assert manifest.step(5).number == "05"  # type: ignore[arg-type]
