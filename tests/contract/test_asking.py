"""The checker waits for a slow handler, and quickly notices a missing one."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workshop import manifest
from workshop.checks.client import SOON, entered
from workshop.checks.patience import hurried
from workshop.checks.promise import Broken
from workshop.stages import Stage

LONG = 60.0  # seconds, which nobody waits for a handler that is missing

Changed = Callable[..., Stage]

HANDLER = "def handle_new_message(message: dict[str, str]) -> dict[str, bool]:\n"
SLOW = (HANDLER, f"{HANDLER}    __import__('time').sleep({3 * SOON})\n")
OUT_OF_ORDER = (", async_handlers=False", "")


@pytest.fixture
def changed(tmp_path: Path) -> Iterator[Changed]:
    """Return a function that runs a copy of step 05 in which some texts are replaced."""
    running: list[Stage] = []

    def run(*changes: tuple[str, str]) -> Stage:
        step = manifest.step("05")
        copy = tmp_path / step.name
        shutil.copytree(step.folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
        source = (copy / "app.py").read_text(encoding="utf-8")
        for right, wrong in changes:
            assert right in source
            source = source.replace(right, wrong)
        (copy / "app.py").write_text(source, encoding="utf-8")
        running.append(Stage(step.name, copy, ""))
        running[-1].start()
        return running[-1]

    yield run
    for chat in running:
        chat.stop()


@pytest.mark.parametrize("changes", [[SLOW], [SLOW, OUT_OF_ORDER]], ids=["in order", "in threads"])
def test_a_slow_handler_is_waited_for(changed: Changed, changes: list[tuple[str, str]]) -> None:
    chat = changed(*changes)
    with entered(chat, "Ada", "Bo") as (ada, bo):
        assert ada.say("Hello") == {"ok": True}
        heard = bo.hear("new_message")
    assert heard == {"username": "Ada", "text": "Hello"}


def test_a_missing_handler_is_known_soon(changed: Changed) -> None:
    chat = changed()
    with hurried(LONG), entered(chat, "Ada") as (ada,):
        began = time.monotonic()
        with pytest.raises(Broken, match="no acknowledgement"):
            ada.ask("no_such_event", {})
        took = time.monotonic() - began
        assert ada.say("Hello") == {"ok": True}, "the connection is as it was"
    assert took < LONG
