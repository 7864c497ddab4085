"""`check --watch` checks each save, reports only changes, and ends quietly after Ctrl+C."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.workshop.edits import solve
from workshop import paths, watch
from workshop.learner import bring, catch_up
from workshop.verdict import BROKEN, KEPT, OPEN, Verdict

PATIENCE = 60  # seconds in which a check is over on a busy machine
FIRST = Verdict("05", BROKEN, 3, 27, "It holds.", "expected", "seen", "hint", can_say_more=True)


class Watching:
    """`start.py check … --watch`, in the form that start.py passes on, and its output."""

    def __init__(self, my_chat: Path, step: str) -> None:
        catch_up(step)
        group = {"creationflags": 0x200} if os.name == "nt" else {"start_new_session": True}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workshop", "check", step, "--watch"], cwd=paths.ROOT,
            env=os.environ | {"WORKSHOP_MINE": str(my_chat.parent)}, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **group,
        )  # fmt: skip

    def until(self, words: str) -> str:
        """Return the output up to a line that contains this text."""
        assert self.process.stdout
        killer = threading.Timer(PATIENCE, self.process.kill)
        killer.start()
        said = ""
        for line in self.process.stdout:
            said += line
            if words in line:
                break
        killer.cancel()
        assert words in said, said
        return said

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl+C, which every process of a terminal receives.

        Return the exit code and the rest.
        """
        os.killpg(self.process.pid, signal.SIGINT)
        said, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said + errors


@pytest.fixture
def watch_step(my_chat: Path) -> Iterator[Callable[[str], Watching]]:
    """Return a function that makes mine/chat a copy of a step, and begins to watch it."""
    started = []

    def begin(step: str) -> Watching:
        started.append(Watching(my_chat, step))
        return started[-1]

    yield begin
    for each in started:
        each.process.kill()
        each.process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C is sent to a group of processes")
def test_each_save_is_checked_and_ctrl_c_ends_it(
    my_chat: Path, watch_step: Callable[[str], Watching]
) -> None:
    watching = watch_step("01")
    app = my_chat / "app.py"
    source = app.read_text(encoding="utf-8")
    first = watching.until("Ctrl+C")
    assert "Not there yet" in first
    app.write_text(source.replace("Flask(__name__)", "Flask(__nam__)"), encoding="utf-8")
    assert "The application starts" in watching.until("Stuck?")
    app.write_text(source.replace("Flask(__name__)", "Flask(__nme__)"), encoding="utf-8")
    still = watching.until("Hint:")
    assert "Still:" in still and "__nme__" in still
    assert "Expected" not in still, "it has not changed"
    app.touch()
    assert "Saved. No change" in watching.until("No change")
    code, rest = watching.interrupt()
    assert code == 1
    assert "Traceback" not in rest and "Interrupt" not in rest


def test_ctrl_c_in_the_middle_of_a_check_blames_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A client may swallow the exception, although Ctrl+C has stopped the server."""
    tries = []

    def interrupted(step: str) -> Verdict:
        tries.append(step)
        assert len(tries) == 1, "it goes on after Ctrl+C"
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return FIRST

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(watch, "check", interrupted)
    monkeypatch.setattr(watch, "await_save", lambda folder, seen: None)
    assert watch.watch("05") == 0
    assert capsys.readouterr().out == ""
    assert signal.getsignal(signal.SIGINT) == before


def test_only_what_has_changed_is_said() -> None:
    assert watch.news(None, FIRST).strip() == str(FIRST)
    assert "No change" in watch.news(FIRST, FIRST)
    again = watch.news(FIRST, replace(FIRST, seen="something else"))
    assert "something else" in again and "expected" not in again
    for other in (
        replace(FIRST, sentence="Another one holds.", kept=4),
        replace(FIRST, state=OPEN),
        Verdict("05", KEPT, 27, 27),
    ):
        assert watch.news(FIRST, other).strip() == str(other)


def test_it_ends_when_every_promise_is_kept(
    my_chat: Path, watch_step: Callable[[str], Watching]
) -> None:
    watching = watch_step("03")
    assert "Not there yet" in watching.until("Ctrl+C")
    solve("03", my_chat)
    last = watching.until("Next:")
    assert "Well done" in last and "04_socketio.ipynb" in last
    assert watching.process.wait(PATIENCE) == 0


def test_a_lab_is_checked_when_its_own_folder_changes(
    my_chat: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bring("18_speed")
    waited = []

    def await_save(folder: Path, seen: watch.Files) -> None:
        waited.append(folder)
        assert seen == watch.saved(folder) != frozenset()
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "check", lambda step: FIRST)
    monkeypatch.setattr(watch, "await_save", await_save)
    watch.watch("18")
    assert waited == [my_chat.parent / "speed"]
    assert "Watching mine/speed" in capsys.readouterr().out


def test_a_save_counts_once_it_has_come_to_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor first empties a file and then fills it. The state in between is not checked."""
    file = tmp_path / "app.py"
    states = iter(["", "half", "whole", "whole"])
    looks = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        text = next(states)
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            os.utime(file, (len(looks), len(looks)))

    monkeypatch.setattr(watch.time, "sleep", sleep)
    watch.await_save(tmp_path, watch.files_of(tmp_path))
    assert file.read_text() == "whole" and len(looks) == 4


def test_a_file_that_the_chat_writes_is_no_save(my_chat: Path) -> None:
    """Otherwise, each check of a chat that writes a file would start the next one."""
    catch_up("05")
    before = watch.saved(my_chat)
    (my_chat / "messages.json").write_text("[]")
    assert watch.saved(my_chat) == before
    with (my_chat / "static" / "chat.js").open("a") as script:
        script.write("\n")
    assert watch.saved(my_chat) != before
