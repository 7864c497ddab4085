"""`flask --app final_app run --debug`: the same chat with threads, for people who work on it."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import requests
from flask import Flask
from werkzeug.debug import get_pin_and_cookie_name

from tests.final_app.rig import (
    ANSWER_TIMEOUT,
    HAS_MODES,
    PLENTY,
    READY_TIMEOUT,
    SHELL,
    Person,
    Server,
    assert_private,
)
from tests.forked import popen
from workshop import paths

COMMAND = ["-m", "flask", "--app", "final_app", "run", "--debug", "--no-reload", "--port", "0"]


class Development(Server):
    """Flask's development server, with its debugger, on a folder that does not exist yet."""

    def start(self) -> "Development":
        self.lines: queue.Queue[str] = queue.Queue()
        process = popen(
            [sys.executable, *COMMAND], cwd=paths.ROOT, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **SHELL,
            env=os.environ | PLENTY | {"CHAT_DATA_DIR": str(self.folder), "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        assert process.stderr
        threading.Thread(target=lambda: [*map(self.lines.put, process.stderr or [])]).start()
        self.process = process
        self.port = int(self.find(r"Running on http://[^:]+:(\d+)"))
        return self

    def find(self, pattern: str) -> str:
        """Wait for a line in the log that matches this pattern. Return the match's group."""
        while True:
            found = re.search(pattern, self.lines.get(timeout=READY_TIMEOUT))
            if found:
                return found[1]


@pytest.fixture(scope="module")
def development(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Development]:
    chat = Development(tmp_path_factory.mktemp("development") / "data")
    try:
        yield chat.start()
    finally:
        chat.stop(signal.SIGKILL)


def test_two_people_talk_on_the_development_server(development: Development) -> None:
    ada = Person(development, "ada").begin()
    bo = Person(development, "bo").register(ada.invite())
    ada.connect()
    bo.connect()
    said = [ada.say(1, f"message {number}")["message"] for number in range(10)]
    assert [bo.hear("new_message") for _ in said] == said
    ada.leave()
    bo.leave()
    if HAS_MODES:
        assert_private(development.folder, least=5)


def test_a_command_reaches_an_open_page_on_the_development_server(
    development: Development,
) -> None:
    ada = Person(development, "ada")
    ada.log_in()
    ada.connect()
    assert development.run("rooms", "rename", "general", "Agora").returncode == 0
    assert ada.hear("room_changed")["room"]["name"] == "Agora"
    ada.leave()


def test_the_pin_of_the_debugger_cannot_be_calculated(development: Development) -> None:
    """Werkzeug calculates it from facts that any user of this machine, or this test, can find out."""
    page = requests.get(f"{development.url}/console", timeout=ANSWER_TIMEOUT).text
    secret = re.search(r'SECRET = "(\w+)"', page)
    assert secret, page

    def ask(command: str, **more: str) -> requests.Response:
        parameters = {"__debugger__": "yes", "cmd": command, "s": secret[1], **more}
        return requests.get(f"{development.url}/console", params=parameters, timeout=ANSWER_TIMEOUT)

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("WERKZEUG_DEBUG_PIN", raising=False)
        calculated, _ = get_pin_and_cookie_name(Flask("final_app"))
        assert calculated
    assert ask("pinauth", pin=calculated).json()["auth"] is False
    ask("printpin")
    printed = development.find(r"pin code: ([\d-]+)")
    assert ask("pinauth", pin=printed).json()["auth"] is True
