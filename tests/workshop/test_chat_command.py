"""`start.py chat` starts the finished chat, and passes its options on."""

import sys

import pytest

from workshop import __main__ as command
from workshop import lab


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that this process would have become."""
    commands: list[list[str]] = []
    monkeypatch.setattr(lab, "become", lambda words, _: commands.append(words) or 0)
    monkeypatch.setattr("os.chdir", lambda _: None)
    return commands


@pytest.mark.parametrize(
    ("given", "passed_on"),
    [
        ("", "--host 127.0.0.1 --port 5000"),
        ("--no-browser --port 5001", "--host 127.0.0.1 --port 5001 --no-browser"),
        ("--workers 3", "--host 127.0.0.1 --port 5000 --workers 3"),
    ],
)
def test_the_options_of_chat_are_passed_on(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch, given: str, passed_on: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["workshop", "chat", *given.split()])
    command.main()
    assert started == [[sys.executable, "-m", "final_app", *passed_on.split()]]
