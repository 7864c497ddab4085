"""The first run: if others can reach the chat, only somebody who sees its terminal can set it up."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask

from final_app.accounts import accounts
from final_app.web import first_run
from tests.final_app.rig import (
    ANSWER_TIMEOUT,
    PASSWORD,
    PLENTY,
    READY_TIMEOUT,
    Person,
    Server,
    application,
)
from tests.forked import popen
from workshop import paths

ANYWHERE = "0.0.0.0"
TRIES = 3  # wrong codes that the servers here let through
LIMITS = {"CHAT_LIMIT_LOGINS_ADDRESS": f"{TRIES} per hour"}
PROXIED = {"CHAT_PROXY_HOPS": "1"}
CODE_FIELD = 'name="code"'

Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Server] = []

    def begin(host: str = ANYWHERE, **settings: str) -> Server:
        started.append(Server(tmp_path / "chat", host=host, **LIMITS | settings).start())
        return started[-1]

    yield begin
    for chat in started:
        chat.stop()


def set_up(server: Server, name: str, **fields: str) -> requests.Response:
    return Person(server, name).form("/first-run", username=name, password=PASSWORD, **fields)


def code_lines(server: Server) -> list[str]:
    return [line for line in server.log if "enter this code" in line]


def test_a_chat_that_others_can_reach_is_set_up_with_the_code_in_its_terminal(start: Start) -> None:
    server = start()
    (line,) = code_lines(server)
    code = server.first_run_code()
    assert line == f"To create the first account, enter this code on the page: {code}"
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{8}", code)
    assert CODE_FIELD in Person(server, "ada").get("/first-run").text
    for wrong in ({}, {"code": code[:-1]}):
        refused = set_up(server, "eve", **wrong)
        assert refused.status_code == 403
        assert "Expected the code that the chat printed in its terminal" in refused.text
        assert 'value="eve"' in refused.text and "chat_session" not in refused.cookies
    done = set_up(server, "ada", code=f" {code.upper()} ")
    assert done.url.endswith("/r/general")
    server.stop()
    server.start()
    assert len(code_lines(server)) == 1  # from the first start


def test_wrong_codes_count_as_wrong_passwords_from_the_same_address(start: Start) -> None:
    server = start()
    tries = [set_up(server, "eve", code=f"guess {n}").status_code for n in range(TRIES + 1)]
    assert tries == [403] * TRIES + [429]
    right = set_up(server, "ada", code=server.first_run_code())
    assert right.status_code == 429 and "Try again in" in right.text


def test_a_chat_behind_a_proxy_needs_the_code_although_it_listens_on_loopback(start: Start) -> None:
    server = start("127.0.0.1", **PROXIED)
    assert set_up(server, "eve").status_code == 403
    assert set_up(server, "ada", code=server.first_run_code()).url.endswith("/r/general")


def test_on_loopback_no_code_is_needed(start: Start) -> None:
    server = start("127.0.0.1")
    assert code_lines(server) == []
    assert CODE_FIELD not in Person(server, "ada").get("/first-run").text
    assert set_up(server, "ada").url.endswith("/r/general")


@pytest.mark.parametrize(
    ("host", "hops", "needed"),
    [("127.0.0.1", "0", False), ("127.3.2.1", "0", False), ("::1", "0", False),
     ("localhost", "0", False), ("127.0.0.1", "2", True), ("0.0.0.0", "0", True), ("", "0", True),
     ("::", "0", True), ("192.0.2.7", "0", True), ("localhost.example.org", "0", True),
     ("unix:///run/chat.sock", "0", True)],
)  # fmt: skip
def test_every_address_beyond_loopback_needs_a_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], host: str, hops: str, needed: bool
) -> None:
    with application(tmp_path, CHAT_PROXY_HOPS=hops).app_context():
        first_run.require_code(host)
        assert ("enter this code" in capsys.readouterr().out) is needed
        assert first_run.needs_code() is needed


def test_once_there_is_an_account_no_code_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app: Flask = application(tmp_path)
    with app.app_context():
        accounts.bootstrap("ada", PASSWORD)
        first_run.require_code(ANYWHERE)
    assert capsys.readouterr().out == ""
    assert app.test_client().get("/first-run").location == "/"


@pytest.mark.parametrize(
    ("host", "reload"),
    [(ANYWHERE, "--reload"), (ANYWHERE, "--no-reload"), ("127.0.0.1", "--no-reload")],
)
def test_flask_run_prints_the_code_once(tmp_path: Path, host: str, reload: str) -> None:
    """With the reloader, there are two processes, and the first one serves no requests."""
    command = ["-m", "flask", "--app", "final_app", "run", "--host", host, "--port", "0", reload]
    process = popen(
        [sys.executable, *command], cwd=paths.ROOT, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=os.environ | PLENTY | {"CHAT_DATA_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout
    told = ""
    try:
        while "Press CTRL+C" not in told:
            told += (line := process.stdout.readline())
            assert line, f"it ended: {told}"
        port = re.search(r"Running on http://127\.0\.0\.1:(\d+)", told)
        assert port, told
        page = requests.get(f"http://127.0.0.1:{port[1]}/first-run", timeout=READY_TIMEOUT)
    finally:
        process.send_signal(signal.SIGTERM)  # the reloader ends its server
    told += process.communicate(timeout=ANSWER_TIMEOUT)[0]
    assert told.count("enter this code") == (host == ANYWHERE)
    assert (CODE_FIELD in page.text) is (host == ANYWHERE)
