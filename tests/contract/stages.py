"""The stages that the tests check, and the promises that each of them keeps."""

from contextlib import ExitStack, nullcontext
from typing import Any

import pytest

from tests.contract.finished import Finished
from workshop import manifest
from workshop.checks import Promise, all_promises, promises_of
from workshop.checks.page import Pages
from workshop.checks.visitors import playing_in
from workshop.stages import Stage, stage

FINAL_APP = "final_app"


class Stages:
    """Starts a stage when a test first needs it. All stages stop after the module's tests."""

    def __init__(self, stack: ExitStack, factory: pytest.TempPathFactory) -> None:
        self.running: dict[str, Stage] = {}
        self.pages: dict[str, Pages] = {}
        self.stack, self.factory = stack, factory

    def __getitem__(self, name: str) -> Stage:
        if name not in self.running:
            self.running[name] = self.stack.enter_context(self._started(name))
        return self.running[name]

    def keeps(self, name: str, promise: Promise) -> None:
        """Check a promise on a stage. Whatever happens, the server must not fail."""
        chat = self[name]
        if promise.trial.__module__.endswith(".stories") and name not in self.pages:
            self.pages[name] = self.stack.enter_context(Pages(chat))
        with playing_in(chat, self.pages[name]) if name in self.pages else nullcontext():
            promise.trial(chat)
        assert "Traceback" not in chat.log

    def _started(self, name: str) -> Stage:
        if name != FINAL_APP:
            return stage(name, signed=False)
        chat = Finished(self.factory.mktemp(FINAL_APP))
        chat.start()
        return chat


def promises_kept_by(*names: str) -> Any:
    """Return a decorator: the test runs once for each stage and each promise that it keeps.

    A promise is new in the step that makes it, and most likely to break in the last step, which has
    the most additions. In the steps between these two, only `-m long` checks it.
    """
    last = (manifest.steps()[-1].number, FINAL_APP)
    kept = [
        pytest.param(
            name, each, id=f"{name}: {each}",
            marks=[] if name in (each.since, each.until, *last) else pytest.mark.long,
        )
        for name in names for each in made_by(name)
    ]  # fmt: skip
    return pytest.mark.parametrize(("name", "each"), kept)


def made_by(name: str) -> list[Promise]:
    if name == FINAL_APP:
        return [each for each in all_promises() if each.final_app]
    return list(promises_of(name))
