"""A learner's folder for one test, empty at first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop.checks.patience import hurried
from workshop.stages import stop_stages_in

SOON = 1.5  # seconds that a check waits for what never comes; for a learner, it waits for three


@pytest.fixture
def my_chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The learner's `mine/chat`, in a temporary folder.

    Checks are in a hurry, and stages that run from it are stopped at the end.
    """
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path))
    chat = tmp_path.resolve() / "chat"
    with hurried(SOON):
        yield chat
    stop_stages_in(chat)
