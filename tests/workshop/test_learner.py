"""Catching up loses nothing: the previous files are kept unchanged."""

import errno
import itertools
import math
from pathlib import Path

import pytest

from workshop import changes, learner, manifest, running
from workshop.__main__ import main
from workshop.learner import bring, catch_up
from workshop.running import Note


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("step", manifest.steps(), ids=lambda step: step.name)
def test_the_copy_is_the_step_without_its_solution(my_chat: Path, step: manifest.Step) -> None:
    done = catch_up(step.name)
    assert done.saved is None
    assert changes.lesson_files(my_chat) == changes.lesson_files(step.folder)
    assert not (my_chat / "exercise.patch").exists()


def test_what_was_there_is_kept_byte_by_byte(my_chat: Path) -> None:
    catch_up("02")
    (my_chat / "app.py").write_bytes(b"# my own work \xff\r\n")
    (my_chat / "notes").mkdir()
    (my_chat / "notes" / "ideas.txt").write_text("tea", encoding="utf-8")
    before = contents(my_chat)
    done = catch_up("03")
    assert done.saved
    assert contents(done.saved) == before
    assert "mine/saved/" in str(done)
    assert (my_chat / "templates" / "chat.html").is_file()


def test_twice_in_one_second_keeps_both(my_chat: Path) -> None:
    catch_up("01")
    saved = [catch_up("01").saved for _ in range(3)]
    assert len(set(saved)) == 3
    assert all(folder and (folder / "app.py").is_file() for folder in saved)


def refuse(monkeypatch: pytest.MonkeyPatch, folder: Path, times: float) -> None:
    """Refuse to rename a folder so many times, as Windows does while a program uses it."""
    rename, refused = Path.rename, itertools.count()

    def renamed(self: Path, target: Path) -> Path:
        if self == folder and next(refused) < times:
            raise PermissionError(errno.EACCES, "The process cannot access the file")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renamed)


def test_a_virus_scanner_only_delays_it(my_chat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catch_up("01")
    refuse(monkeypatch, my_chat, 2)
    refuse(monkeypatch, my_chat.with_name(".chat-new"), 2)
    assert catch_up("02").saved
    assert changes.lesson_files(my_chat) == changes.lesson_files(manifest.step("02").folder)


def test_what_uses_the_chat_is_named(
    my_chat: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    catch_up("01")
    before = contents(my_chat)
    monkeypatch.setattr(learner, "SCANNED", 0.0)
    refuse(monkeypatch, my_chat, math.inf)
    note = Note(1, "mine", str(my_chat), 5003, "token", 0.0, "`run`")
    monkeypatch.setattr(running, "notes", lambda: [note])
    assert main(["catch-up", "02"]) == 2
    told = capsys.readouterr().err
    assert "Found: a server on port 5003, by `run`.\nWhat to do: stop your chat" in told
    assert contents(my_chat) == before


def test_the_difference_is_shown(my_chat: Path) -> None:
    catch_up("04")
    hunks = catch_up("05").hunks
    assert {hunk.file for hunk in hunks} == {"app.py", "templates/chat.html", "static/chat.js"}


def test_an_unknown_step_changes_nothing(my_chat: Path) -> None:
    catch_up("01")
    before = contents(my_chat)
    with pytest.raises(LookupError):
        catch_up("77")
    assert contents(my_chat) == before


def test_bringing_a_file_keeps_a_different_one(my_chat: Path) -> None:
    own = my_chat / "static" / "style.css"
    own.parent.mkdir(parents=True)
    own.write_text("/* mine */", encoding="utf-8")
    bring("03_templates", "static/style.css")
    assert "The first variables" in own.read_text(encoding="utf-8")
    (kept,) = (my_chat.parent / "saved").rglob("style.css")
    assert kept.read_text(encoding="utf-8") == "/* mine */"


def test_bringing_a_file_twice_saves_nothing(my_chat: Path) -> None:
    bring("03_templates", "static/style.css")
    bring("03_templates", "static/style.css")
    assert not (my_chat.parent / "saved").exists()


@pytest.mark.parametrize(
    "file", ["style.css", "../04_socketio/app.py", "../../../mine/diary.txt", "{}/static/style.css"]
)
def test_a_file_that_a_step_lacks_is_answered_with_what_it_has(my_chat: Path, file: str) -> None:
    catch_up("03")
    file = file.format(my_chat)  # an absolute path, as editors copy it
    before = contents(my_chat.parent)
    with pytest.raises(LookupError, match=r"It has: .*static/style\.css"):
        bring("03_templates", file)
    assert contents(my_chat.parent) == before
