"""A learner's folder for one test, empty at first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop.stages import stop_stages_in


@pytest.fixture
def my_chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The learner's `mine/chat`, in a temporary folder.

    Stages that run from it are stopped at the end.
    """
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path))
    chat = tmp_path.resolve() / "chat"
    yield chat
    stop_stages_in(chat)
