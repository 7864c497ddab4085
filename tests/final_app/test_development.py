"""`flask --app final_app run`: the same chat with threads, for whoever changes it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.final_app.rig import PLENTY, Person, Server
from workshop import paths


@pytest.fixture
def development(tmp_path: Path) -> Iterator[Server]:
    """The development server on an empty folder, which nobody has prepared."""
    chat = Server(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "final_app", "run", "--port", "0"],
        cwd=paths.ROOT,
        env=os.environ | PLENTY | {"CHAT_DATA_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    try:
        line = next(line for line in process.stderr if "Running on" in line)
        (chat.port,) = map(int, re.findall(r":(\d+)", line))
        yield chat
    finally:
        process.kill()
        process.communicate()


def test_two_people_talk_on_the_development_server(development: Server) -> None:
    ada = Person(development, "ada").begin()
    bo = Person(development, "bo").register(ada.invite())
    ada.connect()
    bo.connect()
    said = [ada.say(1, f"message {number}")["message"] for number in range(10)]
    assert [bo.hear("new_message")["message"] for _ in said] == said
    ada.leave()
    bo.leave()
