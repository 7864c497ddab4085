"""A learner's chat compared with the next step: learners can type lines where they are shown."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from py_mini_racer import MiniRacer

from tests.workshop.edits import solve
from workshop import changes, manifest
from workshop.learner import catch_up
from workshop.threeway import Comparison

ORIGIN = ["head", "one();", "});", "", "two();", "tail"]
NEW_BLOCK = ["added(() => {", "  new;", "});"]
OWN_BLOCK = ["mine(() => {", "  own;", "});"]
LATER = manifest.steps()[1:]
GOES = ("03", "app.py")  # the exercise of 02 was in the middle of a text that goes as a whole


def shown(origin: list[str], mine: list[str], step: list[str]) -> list[str]:
    return [
        each.sign + (step[each.step] if each.sign == "+" else mine[each.mine])
        for each in Comparison(origin, mine, step).marks()
    ]


def signed(sign: str, lines: list[str]) -> list[str]:
    return [sign + line for line in lines]


def test_what_is_the_same_has_no_sign() -> None:
    for lines in (ORIGIN, [], ORIGIN + OWN_BLOCK):
        assert shown(ORIGIN, lines, lines) == signed(" ", lines)


def test_without_own_lines_it_is_the_change_of_the_step() -> None:
    step = ["head", "one(1);", "});", "", "tail"]
    assert shown(ORIGIN, ORIGIN, step) == [
        " head", "-one();", "+one(1);", " });", " ", "-two();", " tail",
    ]  # fmt: skip


def test_two_blocks_that_end_alike_keep_their_ends() -> None:
    mine, step = ORIGIN + OWN_BLOCK, ORIGIN + NEW_BLOCK
    both = signed("+", NEW_BLOCK) + signed("|", OWN_BLOCK)
    assert shown(ORIGIN, mine, step) == signed(" ", ORIGIN) + both


def test_two_forms_are_not_laid_into_each_other() -> None:
    origin = ["<form one>", "<token>", "</form>", "tail"]
    mine = [*origin[:3], "<form mine>", "<token>", "<own>", "</form>", "tail"]
    step = [*origin[:3], "<form new>", "<token>", "</form>", "tail"]
    assert shown(origin, mine, step) == [
        *signed(" ", origin[:3]), *signed("+", step[3:6]), *signed("|", mine[3:7]), " tail",
    ]  # fmt: skip


def test_what_is_typed_already_has_no_sign() -> None:
    half = NEW_BLOCK[:2]
    mine, step = ORIGIN + half + OWN_BLOCK, ORIGIN + NEW_BLOCK
    rest = signed(" ", half) + signed("+", NEW_BLOCK[2:]) + signed("|", OWN_BLOCK)
    assert shown(ORIGIN, mine, step) == signed(" ", ORIGIN) + rest


def test_a_slip_stands_beside_what_was_meant() -> None:
    mine, step = [*ORIGIN, "aded(() => {", *NEW_BLOCK[1:]], ORIGIN + NEW_BLOCK
    assert shown(ORIGIN, mine, step)[len(ORIGIN) :] == [
        "+added(() => {", "|aded(() => {", "   new;", " });",
    ]  # fmt: skip


def test_a_line_that_was_moved_is_not_asked_for_again_and_one_that_was_lost_is() -> None:
    moved = ["head", "});", "", "two();", "tail", "one();"]
    assert shown(ORIGIN, moved, ORIGIN) == [*signed(" ", moved[:-1]), "|one();"]
    lost = ["head", "});", "", "two();", "tail"]
    assert "+one();" in shown(ORIGIN, lost, ORIGIN)


def test_an_old_line_of_ones_own_making_stays_alone_where_the_step_does_not_touch_it() -> None:
    mine = ["head", "uno();", *ORIGIN[2:]]
    assert shown(ORIGIN, mine, [*ORIGIN, "added"]) == [
        " head", "|uno();", " });", " ", " two();", " tail", "+added",
    ]  # fmt: skip


texts = st.lists(st.sampled_from(["", "});", "a", "b", "c", "d e"]), max_size=12)


@given(origin=texts, mine=texts, step=texts)
def test_ones_own_file_is_shown_whole_and_new_lines_in_their_order(
    origin: list[str], mine: list[str], step: list[str]
) -> None:
    marks = list(Comparison(origin, mine, step).marks())
    assert [each.mine for each in marks if each.sign != "+"] == list(range(len(mine)))
    new = [each.step for each in marks if each.sign in " +"]
    assert new == sorted(new)
    assert all(mine[each.mine] == step[each.step] for each in marks if each.sign == " ")


@pytest.mark.parametrize("step", LATER, ids=lambda step: step.name)
def test_a_step_can_be_typed_as_it_is_shown_into_a_solved_chat(
    my_chat: Path, step: manifest.Step
) -> None:
    """After adding the + lines and removing the - lines, the code is valid and complete."""
    before = manifest.before(step)
    assert before
    catch_up(before.number)
    solve(before.number, my_chat)
    origin, new = changes.lesson_files(before.folder), changes.lesson_files(step.folder)
    asked = [
        (hunk.file, line)
        for hunk in changes.own_change(my_chat, step.folder, origin)
        for line in hunk.added
        if line.strip()
    ]
    added = [(h.file, line) for h in changes.step_change(step.name) for line in h.added]
    assert set(asked) <= set(added), "it asks for what the step does not add"
    for file, mine in changes.lesson_files(my_chat).items():
        if file not in new or not file.endswith((".py", ".js")) or (step.number, file) == GOES:
            continue
        lines = shown(*(text.splitlines() for text in (origin.get(file, ""), mine, new[file])))
        typed = "\n".join(line[1:] for line in lines if line[0] != "-") + "\n"
        if file.endswith(".py"):
            compile(typed, file, "exec")
        else:
            MiniRacer().eval(f"new Function({json.dumps(typed)})")  # raises at an error of syntax
