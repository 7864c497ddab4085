"""The lab on speed: what `measure` and `profile` return, and which broadcasts the check accepts."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.workshop.edits import edit, solve
from workshop import load, manifest, paths
from workshop.checker import check, solved
from workshop.learner import bring
from workshop.load import Room, Undelivered
from workshop.refresh import sanitised, sanitizers
from workshop.speed import measure, profile
from workshop.stages import Stage, stage, stop_stages_in
from workshop.stopwatch import Stopwatch
from workshop.verdict import BROKEN, KEPT, OPEN, Verdict
from workshop.views import show_picture

LAB = manifest.lesson("18")
FEW = 5  # listeners
SOON = 1.5  # seconds, to wait for what never comes
FIGURE = re.compile(r"[\d.]+ ?(µs|%)<|<rect")
JOINED = 'b"".join(frames)'
FLUSH = "            connection.websocket.flush()\n"
# The broadcast of the solution, and how it goes wrong in the way that a file beside it names.
FIRST_LINE = "        waiting, self.waiting = self.waiting, {}\n"
FAULTS = """
        from pathlib import Path

        fault = Path("fault.txt").read_text(encoding="utf-8")
        if fault == "raises":
            raise ZeroDivisionError("by hand")
        if fault == "forgets one":
            waiting.popitem()
        for frames in waiting.values():
            frames *= 2 if fault == "twice" else 1
            if fault == "backwards":
                frames.reverse()
"""


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The learner's `mine/speed/fanout.py`, fresh from `bring`."""
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path))
    monkeypatch.setattr(load, "PATIENCE", SOON)
    bring("18_speed")
    yield paths.mine() / "speed" / "fanout.py"
    stop_stages_in(paths.mine() / "speed")


@pytest.fixture(scope="module")
def finished() -> Iterator[Stage]:
    with stage("18_speed/finished") as chat:
        yield chat


def modify(copy: Path) -> None:
    """Make the changes that the section “Modify” asks for."""
    shutil.copy(LAB.folder / "framed_once" / "fanout.py", copy)


def finish(copy: Path) -> None:
    """Make these changes, and solve the exercise."""
    modify(copy)
    solve("18", copy.parent)


def state(verdict: Verdict) -> tuple[str, int]:
    return verdict.state, verdict.kept


def test_without_a_copy_there_is_nothing_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path))
    verdict = check("18")
    assert state(verdict) == (OPEN, 0)
    assert 'bring("18_speed")' in verdict.hint
    with pytest.raises(LookupError, match=r'bring\("18_speed"\)'):
        stage("mine/speed")


def test_a_copy_is_brought_once_and_never_written_over(copy: Path) -> None:
    copy.write_text("mine", encoding="utf-8")
    assert "already exists" in bring("18_speed")
    assert copy.read_text(encoding="utf-8") == "mine"


def test_the_check_goes_along_with_the_notebook(copy: Path) -> None:
    assert state(check("18")) == (OPEN, 1)
    modify(copy)
    verdict = check("18")
    assert state(verdict) == (BROKEN, 2)
    assert "200 writes" in verdict.seen
    assert LAB.name not in solved()
    finish(copy)
    verdict = check("18")
    assert state(verdict) == (KEPT, 3), verdict
    assert verdict.headline.endswith("Well done.")  # no script was left unread
    assert LAB.name in solved()


def test_the_shorter_way_is_accepted_too(copy: Path) -> None:
    modify(copy)
    edit(copy, FLUSH, "")
    assert state(check("18")) == (KEPT, 3)


def test_a_broken_broadcast_is_explained(copy: Path) -> None:
    finish(copy)
    edit(copy, JOINED, 'b"".join(frames * 2)')
    verdict = check("18")
    assert state(verdict) == (BROKEN, 0)
    assert "got message 1 where message 2 was next" in verdict.seen
    assert "exactly once" in verdict.hint
    assert LAB.name not in solved()


@pytest.mark.parametrize(
    ("right", "wrong", "hint"),
    [
        ("        super().__init__()\n", "", "There is no `rooms`"),
        ("def write_all(self)", "def write_all()", "`Fanout.write_all` does not match its `def`"),
    ],
)
def test_an_error_has_no_place_if_it_is_not_in_the_learners_code(
    copy: Path, right: str, wrong: str, hint: str
) -> None:
    """Neither the finished chat's WebSocket nor gevent is theirs."""
    finish(copy)
    edit(copy, right, wrong)
    verdict = check("18")
    assert state(verdict) == (BROKEN, 0)
    assert verdict.report and not verdict.report.place
    assert hint in verdict.hint


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Path]]:
    """A chat whose broadcast has the fault that the file names."""
    folder = tmp_path_factory.mktemp("faulty")
    shutil.copy(LAB.folder / "framed_once" / "fanout.py", folder)
    solve("18", folder)
    edit(folder / "fanout.py", FIRST_LINE, FIRST_LINE + FAULTS)
    fault = folder / "fault.txt"
    fault.write_text("", encoding="utf-8")
    chat = Stage("18_speed/faulty", folder, "")
    chat.start()
    yield chat, fault
    chat.stop()


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("forgets one", "1 of 5 listeners still wait for message 1"),
        ("twice", "got message 1 where message 3 was next"),
        ("backwards", "got message 2 where message 1 was next"),
        ("raises", "5 of 5 listeners still wait.*ZeroDivisionError: by hand"),
    ],
)
def test_a_fast_server_that_is_wrong_is_noticed(
    faulty: tuple[Stage, Path], monkeypatch: pytest.MonkeyPatch, fault: str, seen: str
) -> None:
    monkeypatch.setattr(load, "PATIENCE", SOON)
    chat, file = faulty
    file.write_text("", encoding="utf-8")
    with Room(chat.port, FEW) as room:
        room.say(2)
        assert room.deliveries == 2 * FEW  # the guard: without a fault, everything is delivered
    file.write_text(fault, encoding="utf-8")
    with pytest.raises(Undelivered, match=seen):
        measure(chat, at_once=2, listeners=FEW)


def test_a_closed_connection_is_noticed() -> None:
    with stage("18_speed/one_by_one") as other, Room(other.port, FEW) as room:
        room.say()
        other.stop()
        with pytest.raises((Undelivered, ConnectionError)) as seen:
            room.say()
    assert "still wait" not in str(seen.value)


def test_what_is_measured_is_in_the_html_only(finished: Stage) -> None:
    """A stored output contains no figure, so that two runs have equal outputs."""
    one = measure(finished, listeners=FEW)
    other = measure(finished, at_once=4, listeners=FEW)
    assert all(cost > 1 for cost in (*one.values(), *other.values())), "microseconds"
    for view in (one, profile(finished, listeners=FEW)):
        assert FIGURE.search(view.markup)
        assert not FIGURE.search(view.text)
        assert not FIGURE.search(sanitised(view.markup, sanitizers()))


def test_a_chat_of_the_lab_answers_only_to_its_own_names(finished: Stage) -> None:
    """Otherwise, a page whose name points to this machine could start the stopwatch, and listen."""
    assert requests.post(f"{finished.url}/stopwatch").ok
    assert requests.delete(f"{finished.url}/stopwatch").ok
    foreign = {"Host": "evil.example"}
    assert requests.post(f"{finished.url}/stopwatch", headers=foreign).status_code == 400


def test_a_profile_counts(finished: Stage) -> None:
    assert list(profile(finished, listeners=FEW).calls.values()) == [1, 1, FEW]
    assert list(profile(finished, at_once=4, listeners=FEW).calls.values()) == [4, 4, FEW]
    times = profile(finished, listeners=FEW).times
    assert all(time > 0 for time in times.values())


def test_only_the_chats_of_the_lab_have_a_profile() -> None:
    with pytest.raises(LookupError, match="05_broadcast"):
        profile(Stage("05_broadcast", manifest.step("05").folder, ""))


def test_a_stopwatch_leaves_everything_as_it_was() -> None:
    class Fanout:
        def emit(self) -> str:
            return "sent"

    original = Fanout.emit
    stopwatch = Stopwatch(Fanout)
    stopwatch.lap()
    assert Fanout().emit() == "sent"
    assert stopwatch.lap()["everything else"][0] == 1
    assert stopwatch.lap()["everything else"][0] == 0
    stopwatch.stop()
    assert Fanout.emit is original


def test_a_picture_has_a_description_for_those_who_cannot_see_it() -> None:
    assert str(show_picture("fanout.svg")).startswith("Four ways to reach fifty listeners.")
    with pytest.raises(LookupError, match=r"fanout\.svg"):
        show_picture("nothing.svg")
