"""Lab 19: attacks stay small and on this computer, and the check finds each remaining hole."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workshop.edits import edit, solve
from workshop import changes, manifest, paths, strangers
from workshop.checker import check, solved
from workshop.checks import attack
from workshop.learner import bring
from workshop.stages import Stage, stage, stop_stages_in
from workshop.strangers import STILL_OPEN, stranger
from workshop.verdict import BROKEN, KEPT, OPEN

LAB = manifest.lesson("19")
TO_MAKE = 15  # lines
LOOPBACK = "127.0.0.1"
MEGABYTES = 60_000_000


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The learner's `mine/attack`, fresh from `bring`."""
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path))
    bring("19_attack")
    yield paths.mine() / "attack"
    stop_stages_in(paths.mine() / "attack")


def test_without_a_copy_there_is_nothing_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path))
    verdict = check("19")
    assert verdict.state == OPEN
    assert 'bring("19_attack")' in verdict.hint
    with pytest.raises(LookupError, match=r'bring\("19_attack"\)'):
        stage("mine/attack")


def test_a_copy_is_the_last_step_with_the_features_of_the_lab(copy: Path) -> None:
    step, mine = changes.lesson_files(manifest.steps()[-1].folder), changes.lesson_files(copy)
    lab = changes.lesson_files(LAB.folder)
    assert mine == step | {f"step_{manifest.steps()[-1].number}.py": step["app.py"]} | lab
    edit(copy / "extras.py", "There is no such message.", "There is none.")
    assert "already exists" in bring("19_attack")
    assert "There is none." in (copy / "extras.py").read_text(encoding="utf-8")


def test_a_copy_as_it_came_has_all_its_holes(copy: Path) -> None:
    verdict = check("19")
    assert (verdict.state, verdict.kept) == (OPEN, 0), verdict
    assert LAB.name not in solved()


def test_the_solution_passes_every_check_and_is_short(copy: Path) -> None:
    solve("19", copy)
    verdict = check("19")
    assert verdict.state == KEPT, verdict
    assert verdict.kept == verdict.total == len(attack.CHECKS) == 4
    assert LAB.name in solved()
    (*hunks,) = changes.patch_change((LAB.folder / "exercise.patch").read_text(encoding="utf-8"))
    assert 0 < sum(bool(line.strip()) for hunk in hunks for line in hunk.added) <= TO_MAKE


CHECK = """    if message.username != user.username:
        raise ChatError("forbidden", "Only its author can edit a message.", field="seq")
"""
STORE = "    message.text = text\n    db.session.commit()\n"

MISTAKES = [
    (CHECK + STORE, STORE + CHECK, 0, BROKEN, "above"),
    ("message.username != user.username", "message.username == user.username", 0, OPEN,
     "message.username"),
    ("message.username != user.username", "True", 0, BROKEN, "message.username"),
    ('ChatError("forbidden", "Only', 'ChatError("invalid", "Only', 0, BROKEN, '"forbidden"'),
    ('ChatError("forbidden", "Only', 'ChatError("not_found", "Only', 4, KEPT, ""),
    (".contains(q), mine)", ".contains(q))", 1, BROKEN, "in_("),
    ("[room.id for room in user.rooms]", "[1]", 1, BROKEN, "in_("),
    (".contains(q), mine)", '.contains(q), mine, Message.text == "")', 1, BROKEN, "in_("),
    ("{escape(each.text)}", "{each.text}", 2, BROKEN, "escape("),
    ("{escape(each.username)}", "{each.username}", 2, BROKEN, "escape("),
    ("{escape(q)}", "{q}", 2, BROKEN, "escape("),
    ('rename_room, methods=["POST"]', 'rename_room, methods=["GET"]', 3, BROKEN, "methods"),
    ("data = request.form", "data = request.args", 3, BROKEN, "request.form"),
]  # fmt: skip

# Each is tried on a server of its own: every run tries the first for each check, `-m long` all.
FIRST_OF_THEIR_CHECK = {mistake[2]: mistake for mistake in reversed(MISTAKES)}.values()


@pytest.mark.parametrize(
    ("right", "wrong", "kept", "state", "hint"),
    [
        pytest.param(*each, id=each[1],
                     marks=[] if each in FIRST_OF_THEIR_CHECK else [pytest.mark.long])
        for each in MISTAKES
    ],
)  # fmt: skip
def test_a_hole_is_found_if_it_is_left_open(
    copy: Path, right: str, wrong: str, kept: int, state: str, hint: str
) -> None:
    solve("19", copy)
    edit(copy / "extras.py", right, wrong)
    verdict = check("19")
    assert (verdict.state, verdict.kept) == (state, kept), verdict
    assert hint in verdict.hint
    assert (LAB.name in solved()) is (state == KEPT)


@pytest.fixture(scope="module")
def targets() -> Iterator[list[Stage]]:
    """A step without accounts, which starts quickly, and the finished chat."""
    chats = [stage("05", signed=False), stage("final_app", signed=False)]
    yield chats
    for chat in chats:
        chat.stop()


@pytest.mark.parametrize(
    ("packet", "code"),
    [('42["', 1002), ("hello", 1002), ("42" + "[" * 200, 1002), ("4" * 40, 1002)],
)
def test_the_finished_chat_says_why_it_closes_a_connection(
    targets: list[Stage], packet: str, code: int
) -> None:
    somebody = stranger(targets[1])
    somebody.send(packet)
    assert re.fullmatch(rf"closed: {code} expected .+", somebody.answer())
    somebody.leave()


def test_only_the_finished_chat_refuses_a_frame_by_its_length(targets: list[Stage]) -> None:
    answers = []
    for chat in targets:
        somebody = stranger(chat)
        somebody.announce(MEGABYTES)
        answers.append(somebody.answer())
        somebody.leave()
    assert answers[0] == STILL_OPEN
    assert answers[1].startswith("closed: 1009 ")


def test_a_stranger_who_does_nothing_wrong_stays(
    targets: list[Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative twin: it is the malformed packet that ends the connection."""
    monkeypatch.setattr(strangers, "MOMENT", 0.3)
    for chat in targets:
        somebody = stranger(chat)
        assert somebody.answer() == STILL_OPEN
        somebody.leave()


def test_an_attack_is_small_and_stays_on_this_computer(
    targets: list[Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody = stranger(targets[0])
    assert somebody._line.getpeername() == (LOOPBACK, targets[0].port)
    sent: list[bytes] = []

    class Line:
        sendall = staticmethod(sent.append)

    monkeypatch.setattr(somebody, "_line", Line)
    somebody.announce(MEGABYTES)
    assert MEGABYTES.to_bytes(8, "big") in sent[0]
    assert len(b"".join(sent)) < 1100
