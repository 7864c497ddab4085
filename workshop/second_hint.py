"""The second hint: the lines of a learner's chat that break a promise, next to the step's lines."""

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

from workshop import changes, manifest, paths
from workshop.changes import CONTEXT, Hunk
from workshop.highlight import TINT, code_rows
from workshop.stages import temporary_folder
from workshop.verdict import Verdict
from workshop.views import View, box, with_code

SIDES = {"-": "yours", "+": "the step", "|": "missing", " ": ""}
CLOSE = 12  # lines; a chat that lacks more of a step's lines is not finished yet
MOST_HUNKS = 4  # with more, only the file is known
MOST_LINES = 14  # lines of a difference that are shown: it is a hint, not the whole file
OWN = "the mistake in your solution is in these lines of {}"
GAP = "your solution lacks something at this place of {}"
SOLUTION = '`solution("{0}")` in the notebook shows one way to solve the exercise.'
EXERCISE = "Your chat keeps the promises of step {0}. What is left is its exercise. " + SOLUTION
NOTHING = "Your chat has every line that step {0} has. Save your files, and try again."


def suspects(verdict: Verdict, context: int = 0) -> list[Hunk]:
    """Return where the learner's chat differs from the step, with the most suspicious hunks first.

    These are the hunks near the error, then those in the file that the hint is about, and then those
    in which lines of the step are missing.
    """
    folder, (file, line) = _closest(verdict.step), _place(verdict)
    hunks = changes.own_change(paths.my_chat(), folder, context=context)
    shared = [hunk for hunk in hunks if (folder / hunk.file).is_file()]

    def order(hunk: Hunk) -> tuple[bool, int, bool]:
        here = hunk.file == file
        return not here, _distance(hunk, line) if here else 0, not hunk.added

    return sorted(shared, key=order)


def _closest(number: str) -> Path:
    """Return the folder of the step, or of its solution if the learner's chat is closer to that."""

    def distance(folder: Path) -> int:
        hunks = changes.own_change(paths.my_chat(), folder, context=0)
        return sum(len(hunk.lines) for hunk in hunks)

    return min(manifest.step(number).folder, _solved(number), key=distance)


@cache
def _solved(number: str) -> Path:
    """Return a copy of a step with its exercise solved."""
    step, folder = manifest.step(number), temporary_folder() / number
    shutil.copytree(step.folder, folder)
    patch = (step.folder / "exercise.patch").read_text(encoding="utf-8")
    changes.apply(changes.patch_change(patch), folder)
    return folder


def has_begun(verdict: Verdict) -> bool:
    """Return whether the learner has begun to solve the step's exercise, in the way of its solution."""
    return _closest(verdict.step) == _solved(verdict.step)


def is_close(verdict: Verdict) -> bool:
    """Return whether the learner's chat has almost all lines of the step."""
    return sum(len(hunk.added) for hunk in suspects(verdict)) <= CLOSE


def second_hint(verdict: Verdict, found: list[Hunk]) -> View:
    """Return the lines that break a promise (`found`), or the nearest difference if they are unknown.

    About an exercise, it shows only the learner's lines, and no difference if `found` is empty.
    """
    mine = changes.lesson_files(paths.my_chat())
    if verdict.is_exercise:
        return _about_the_exercise(verdict.step, found, mine)
    title = f"your chat keeps this promise if {{}} contains the lines of step {verdict.step}"
    hunks = [_with_context(hunk, mine.get(hunk.file, "")) for hunk in found]
    if len(hunks) > 1:
        title = f"all of these lines of {{}} must be as in step {verdict.step}"
    if not 0 < len(hunks) <= MOST_HUNKS:
        title = f"where your {{}} differs from step {verdict.step}"
        hunks = suspects(verdict, CONTEXT)[:1]
    _, line = _place(verdict)
    views = [_view(hunk, line, title) if hunk.file in mine else _missing(hunk, verdict.step)
             for hunk in hunks]  # fmt: skip
    return _joined(views or [_sentence(NOTHING.format(verdict.step))])


def _about_the_exercise(number: str, found: list[Hunk], mine: dict[str, str]) -> View:
    """Return where the learner's solution goes wrong, without the lines that would be right."""
    views = [
        _view(_own_lines(_with_context(hunk, mine[hunk.file])), 0, OWN if hunk.removed else GAP)
        for hunk in found[:MOST_HUNKS] if hunk.file in mine
    ]  # fmt: skip
    return _joined([*views, _sentence((SOLUTION if views else EXERCISE).format(number))])


def _own_lines(hunk: Hunk) -> Hunk:
    """Return a hunk without the lines that would be right. One row stands for lines that are missing."""
    rows = [line for line in hunk.lines if line[0] != "+"]
    if not hunk.removed:
        rows.insert(next(place for place, line in enumerate(hunk.lines) if line[0] == "+"), "| …")
    return replace(hunk, lines=tuple(rows))


def _joined(views: list[View]) -> View:
    return View("\n".join(view.text for view in views), "".join(view.markup for view in views))


def _place(verdict: Verdict) -> tuple[str, int]:
    """Return the file and the line of the learner's chat that a verdict names. 0: no line."""
    report = verdict.report
    if report and (paths.my_chat() / report.file).is_file():
        return report.file, report.line
    return verdict.about, 0


def _distance(hunk: Hunk, line: int) -> int:
    """Return the distance in lines between a difference and a line of the learner's file.

    If the line is 0, its position is unknown, and the distance is 0.
    """
    if not line:
        return 0
    own = sum(mark[0] != "+" for mark in hunk.lines)
    first, last = hunk.old_start + 1, hunk.old_start + max(own, 1)
    return max(first - line, line - last, 0)


def _with_context(hunk: Hunk, text: str) -> Hunk:
    """Return a hunk together with the lines around it. `text` is the learner's file."""
    lines = [f" {line}" for line in text.splitlines()]
    start, end = hunk.old_start, hunk.old_start + len(hunk.removed)
    first = max(start - CONTEXT, 0)
    around = (*lines[first:start], *hunk.lines, *lines[end : end + CONTEXT])
    return replace(hunk, lines=around, old_start=first)


def _view(hunk: Hunk, line: int, title: str) -> View:
    rows = _around(hunk, line)
    width = max(map(len, SIDES.values())) + 2
    title = f"Second hint: {title.format(hunk.file)}"
    text = "\n".join(f"    {SIDES[row[0]]:<{width}}{row[1:]}".rstrip() for row in rows)
    lines = ((f"{SIDES[row[0]]:<{width}}{row[1:]}", TINT[row[0]]) for row in rows)
    return View(f"  {title}:\n{text}", box(code_rows(lines), title))


def _around(hunk: Hunk, line: int) -> list[str]:
    """Return the lines of a difference.

    If the difference is long, return only the lines around this line, or its first lines.
    """
    at, own = 0, hunk.old_start
    for number, row in enumerate(hunk.lines):
        own += row[0] != "+"
        if own <= line:
            at = number
    first = max(min(at - MOST_LINES // 2, len(hunk.lines) - MOST_LINES), 0)
    rows = list(hunk.lines[first : first + MOST_LINES])
    for edge in (0, -1):
        while rows and not rows[edge].strip():
            del rows[edge]
    return rows


def _missing(hunk: Hunk, number: str) -> View:
    return _sentence(
        f"Step {number} has a file {hunk.file}, but mine/chat has no file of that name."
    )


def _sentence(words: str) -> View:
    return View(f"  Second hint: {words}", f"<p>{with_code(f'Second hint: {words}')}</p>")
