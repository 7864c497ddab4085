"""`run` serves a stage in a terminal: full address, reload on save, a reason for another port."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.workshop.test_stages import PATIENCE, wait_until
from workshop.clients import cast
from workshop.learner import catch_up
from workshop.run import free_port, taken
from workshop.stages import Stage


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `workshop run …` and yield the process and the address that it announces."""
    process = subprocess.Popen(
        [sys.executable, "-m", "workshop", "run", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
    try:
        assert process.stdout
        heading = process.stdout.readline()
        while "runs at" not in heading:
            heading = process.stdout.readline()
        yield process, heading.split()[-1]
    finally:
        interrupt = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT)
        process.send_signal(interrupt)
        process.communicate(timeout=PATIENCE)


def page_says(url: str, text: str) -> bool:
    try:
        return text in requests.get(url, timeout=PATIENCE).text
    except requests.RequestException:
        return False


def test_a_saved_file_is_served_without_a_new_start(my_chat: Path) -> None:
    catch_up("01")
    with running("mine", "--port", str(free_port(5300)[0])) as (_, url):
        assert wait_until(lambda: page_says(url, "Served by"))
        app = my_chat / "app.py"
        app.write_text(app.read_text(encoding="utf-8").replace("Served by", "Brought by"))
        assert wait_until(lambda: page_says(url, "Brought by"))


def test_a_file_that_does_not_parse_does_not_end_it(my_chat: Path) -> None:
    catch_up("01")
    app = my_chat / "app.py"
    right = app.read_text(encoding="utf-8")
    with running("mine", "--port", str(free_port(5310)[0])) as (process, url):
        assert wait_until(lambda: page_says(url, "Served by"))
        app.write_text(right + "\nthis is no Python\n", encoding="utf-8")
        assert wait_until(lambda: page_says(url, "SyntaxError"))
        app.write_text(right.replace("Served by", "Brought by"), encoding="utf-8")
        assert wait_until(lambda: page_says(url, "Brought by"))
        assert process.poll() is None


def test_a_template_is_served_anew_too(my_chat: Path) -> None:
    catch_up("03")
    with running("mine", "--port", str(free_port(5320)[0])) as (_, url):
        assert wait_until(lambda: page_says(url, "Welcome to the Chat Application!"))
        index = my_chat / "templates" / "index.html"
        index.write_text(index.read_text(encoding="utf-8").replace("Welcome", "Hello and welcome"))
        assert wait_until(lambda: page_says(url, "Hello and welcome"))


def test_a_closed_tab_leaves_no_traceback_and_no_code_400(my_chat: Path) -> None:
    with running("05", "--port", str(free_port(5330)[0])) as (process, url):
        assert wait_until(lambda: page_says(url, "Chat Application"))
        there = Stage("05", Path(), "", port=int(url.rpartition(":")[2]))
        for person in cast(there, "Ada", "Bo"):
            person.disconnect()
        assert page_says(url + "/chat?username=Last", "Last")
        process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT))
        log, _ = process.communicate(timeout=PATIENCE)
    assert "username=Last" in log
    for unwanted in ("Traceback", "code 400", '" 500', "transport=polling"):
        assert unwanted not in log


def test_it_takes_the_next_port_and_says_why(my_chat: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        port = squatter.getsockname()[1]
        assert taken(port)
        chosen, reason = free_port(port)
    assert chosen > port
    assert re.search(rf"Port {port} is taken by another program.*so this is {chosen}", reason)


def test_a_free_port_is_taken_without_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not taken(port)
    assert free_port(port) == (port, "")


@pytest.mark.parametrize("words", [["run", "77"], ["check", "77"], ["catch-up", "77"]])
def test_an_unknown_step_is_a_sentence_and_no_traceback(words: list[str], my_chat: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "workshop", *words], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "Expected one of: 01_setup" in result.stderr
    assert "Traceback" not in result.stderr
