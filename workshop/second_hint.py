"""The second hint: where a learner's file differs from the step, near the place of the problem."""

from workshop import changes, manifest, paths
from workshop.changes import Hunk
from workshop.highlight import TINT, code_rows
from workshop.verdict import Verdict
from workshop.views import View, box, with_code

SIDES = {"-": "yours", "+": "the step", " ": ""}
MOST_LINES = 14  # lines of a difference that are shown: it is a hint, not the whole file
NOTHING = (
    'Your chat has every line that step {0} has. What is left is the exercise: `solution("{0}")` in '
    "the notebook shows one way to solve it."
)


def second_hint(verdict: Verdict) -> View:
    """Return the difference that is nearest to the place that the verdict names."""
    step = manifest.step(verdict.step)
    mine = changes.lesson_files(paths.my_chat())
    theirs = changes.lesson_files(step.folder)
    if verdict.about in theirs and verdict.about not in mine:
        return _sentence(
            f"Step {step.number} has a file {verdict.about}, but mine/chat has no file of that name."
        )
    file, line = verdict.about, 0
    if verdict.report and verdict.report.file in mine:
        file, line = verdict.report.file, verdict.report.line
    every = changes.own_change(paths.my_chat(), step.folder)
    hunks = [hunk for hunk in every if hunk.file in theirs and hunk.added]
    hunks += [hunk for hunk in every if hunk.file in theirs and not hunk.added]
    near = [hunk for hunk in hunks if hunk.file == file] or hunks
    if not near:
        return _sentence(NOTHING.format(step.number))
    return _view(min(near, key=lambda hunk: _distance(hunk, line)), line, step.number)


def _distance(hunk: Hunk, line: int) -> int:
    """Return the distance in lines between a difference and a line of the learner's file.

    If the line is 0, its position is unknown, and the distance is 0.
    """
    if not line:
        return 0
    own = sum(mark[0] != "+" for mark in hunk.lines)
    first, last = hunk.old_start + 1, hunk.old_start + max(own, 1)
    return max(first - line, line - last, 0)


def _view(hunk: Hunk, line: int, number: str) -> View:
    rows = _around(hunk, line)
    width = max(map(len, SIDES.values())) + 2
    title = f"Second hint: where your {hunk.file} differs from step {number}"
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


def _sentence(words: str) -> View:
    return View(f"  Second hint: {words}", f"<p>{with_code(f'Second hint: {words}')}</p>")
