"""The second hint: the lines of a learner's chat that break a promise, next to the step's lines."""

import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from workshop import changes, manifest, paths
from workshop.changes import CONTEXT, Hunk
from workshop.highlight import TINT, code_rows
from workshop.stages import temporary_folder
from workshop.verdict import Verdict
from workshop.views import View, box, sentence

SIDES = {"-": "yours", "+": "the step", "|": "missing", " ": ""}
VERBS = {"-": "remove", "+": "add", "|": "", " ": ""}
COMMENT = re.compile(r"(^|\s)(#|//)\s.*|^\s*\"\"\".*\"\"\"$")  # or a docstring of one line
CLOSE = 12  # lines; a chat that lacks more of a step's lines is not finished yet
MOST_HUNKS = 4  # with more, only the file is known
MOST_GROUPS = 3  # views of the learner's own lines
MOST_LINES = 14  # lines of a difference that are shown: it is a hint, not the whole file
MOST_CHANGED = 40  # lines of a change that is known to repair the chat
CHANGE = "change {} as in step {}"
ALL = " (you need all of these changes)"
DIFFERS = "where your {} differs from step {}"
OWN = "you need to change these lines of {}"
GAP = "something is missing here in {}"
TRIED = "the step does not have these lines of {}"
SOLUTION = '`solution("{0}")` in the notebook shows one way to solve the exercise.'
EXERCISE = "Your chat keeps the promises of step {0}. What is left is its exercise. " + SOLUTION
NOTHING = "Your chat has every line that step {0} has. Save your files, and try again."


def suspects(verdict: Verdict, context: int = 0, *, keep_own: bool = False) -> list[Hunk]:
    """Return where the learner's chat differs from the step, with the most suspicious hunks first.

    These are the hunks near the error, then those in the file that the hint is about, and then those
    in which lines of the step are missing. Comments don't count. With `keep_own`, they remove only
    lines of the previous step.
    """
    folder, (file, line) = _closest(verdict.step), _place(verdict)
    previous = manifest.before(manifest.step(verdict.step)) if keep_own else None
    came_from = changes.lesson_files(previous.folder) if previous else None
    hunks = changes.own_change(paths.my_chat(), folder, came_from, context)
    shared = [
        hunk
        for hunk in hunks
        if (folder / hunk.file).is_file() and _code(hunk.removed) != _code(hunk.added)
    ]

    def order(hunk: Hunk) -> tuple[bool, int, bool]:
        here = hunk.file == file
        return not here, _distance(hunk, line) if here else 0, not hunk.added

    return sorted(shared, key=order)


def removes_a_solution(number: str, hunks: list[Hunk]) -> bool:
    """Return whether hunks remove lines that our solutions of the exercises before a step have."""
    return any(_solutions(number) & _stripped(hunk.removed) for hunk in hunks)


@cache
def _solutions(number: str) -> set[str]:
    """Return the lines of our solutions of the exercises before a step that the step does not have."""
    earlier = [step.number for step in manifest.steps() if step.number < number]
    return set().union(*map(_solution, earlier)) - _lines(manifest.step(number).folder)


def _code(lines: Iterable[str]) -> list[str]:
    """Return the lines without their comments, and without those that contain only a comment."""
    return [code for line in lines if (code := COMMENT.sub("", line).rstrip())]


def _closest(number: str) -> Path:
    """Return the folder of the step, or of its solution if the learner's chat is similar to that.

    It is if most of the learner's own lines are in the solution. With many other own lines, half of the
    solution is enough.
    """
    own = _lines(paths.my_chat()) - _lines(manifest.step(number).folder) - _solutions(number)
    ours = own & _solution(number)
    is_similar = ours and len(ours) >= min(len(own - ours), len(_solution(number)) / 2)
    return _solved(number) if is_similar else manifest.step(number).folder


@cache
def _solved(number: str) -> Path:
    """Return a copy of a step with its exercise solved."""
    step, folder = manifest.step(number), temporary_folder() / number
    shutil.copytree(step.folder, folder)
    patch = (step.folder / "exercise.patch").read_text(encoding="utf-8")
    changes.apply(changes.patch_change(patch), folder)
    return folder


def has_begun(verdict: Verdict) -> bool:
    """Return whether the learner has begun to solve the step's exercise in the same way as we do."""
    return _closest(verdict.step) == _solved(verdict.step)


def is_close(verdict: Verdict) -> bool:
    """Return whether the learner's chat has almost all lines of the step."""
    return sum(len(hunk.added) for hunk in suspects(verdict)) <= CLOSE


def second_hint(verdict: Verdict, found: list[Hunk]) -> View:
    """Return the lines that break a promise (`found`), or the nearest difference if they are unknown.

    If lines of our solution would be shown, show only the learner's lines. For an exercise, these are
    all their own lines if `found` is empty.
    """
    mine = changes.lesson_files(paths.my_chat())
    if verdict.is_exercise or (found and not any(hunk.added for hunk in found)):
        return _own_lines(verdict, found, mine)
    nearest = found if 0 < len(found) <= MOST_HUNKS else suspects(verdict)[:1]
    if gives_away(verdict.step, nearest):
        return _own_lines(verdict, nearest, mine)
    if nearest is not found:
        _, line = _place(verdict)
        views = [
            _view(DIFFERS.format(hunk.file, verdict.step), _around(hunk, line))
            if hunk.file in mine else _missing(hunk, verdict.step)
            for hunk in suspects(verdict, CONTEXT)[:1]
        ]  # fmt: skip
        return _joined(views or [_sentence(NOTHING.format(verdict.step))])
    groups = _neighbours(found)
    title = CHANGE + (ALL if len(groups) > 1 else "")
    views = []
    for group in groups:
        file = group[0].file
        if file in mine:
            whole = _with_context(group, mine[file])
            words = title.format(file, verdict.step)
            views.append(_view(words, _around(whole, 0, MOST_CHANGED), VERBS))
        else:
            views.append(_missing(group[0], verdict.step))
    return _joined(views)


def gives_away(number: str, hunks: list[Hunk]) -> bool:
    """Return whether hunks add lines that our solution has, but not the step."""
    return any(_solution(number) & _stripped(hunk.added) for hunk in hunks)


def _solution(number: str) -> set[str]:
    return _lines(_solved(number)) - _lines(manifest.step(number).folder)


def _lines(folder: Path) -> set[str]:
    texts = changes.lesson_files(folder).values()
    return set().union(*(_stripped(text.splitlines()) for text in texts))


def _stripped(lines: Iterable[str]) -> set[str]:
    return {line.strip() for line in _code(lines)}


def _own_lines(verdict: Verdict, found: list[Hunk], mine: dict[str, str]) -> View:
    """Return the learner's lines that go wrong, or all their own ones, but none that would be right."""
    title = OWN
    # A line in the wrong place is also missing in the right one, which the learner has to find.
    hunks = [each for each in found if each.removed] or found
    if not found:
        title = TRIED
        own = changes.own_change(paths.my_chat(), manifest.step(verdict.step).folder, context=0)
        hunks = _about_the_exercise(verdict.step, own)
    groups = _neighbours([each for each in hunks if each.file in mine])
    groups.sort(key=lambda group: group[0].file != verdict.about)
    views = []
    for group in groups[:MOST_GROUPS]:
        whole = _with_context(group, mine[group[0].file])
        rows = [line for line in whole.lines if line[0] != "+"]
        if not whole.removed:
            rows.insert(next(n for n, line in enumerate(whole.lines) if line[0] == "+"), "| …")
        words = (title if whole.removed else GAP).format(whole.file)
        views.append(_view(words, _around(replace(whole, lines=tuple(rows)), 0)))
    if verdict.is_exercise or gives_away(verdict.step, found):
        views.append(_sentence((SOLUTION if views else EXERCISE).format(verdict.step)))
    return _joined(views)


def _about_the_exercise(number: str, own: list[Hunk]) -> list[Hunk]:
    """Return the hunks with names that our solution introduces, or all of them if there are none.

    The learner may also have kept the solutions of earlier exercises. Comments don't count.
    """
    own = [each for each in own if each.removed and _code(each.removed) != _code(each.added)]
    new = _names(_solution(number)) - _names(_lines(manifest.step(number).folder))
    return [each for each in own if new & _names(_code(each.removed))] or own


def _names(lines: Iterable[str]) -> set[str]:
    return {name for line in lines for name in re.findall(r"\w{3,}", line.lower())}


def _joined(views: list[View]) -> View:
    return View("\n".join(view.text for view in views), "".join(view.markup for view in views))


def _place(verdict: Verdict) -> tuple[str, int]:
    """Return the file and the line of the learner's chat that a verdict names. The line 0 means none."""
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


def _neighbours(hunks: list[Hunk]) -> list[list[Hunk]]:
    """Group the hunks that are so close together in a file that one view can show them."""
    groups: list[list[Hunk]] = []
    for hunk in sorted(hunks, key=lambda hunk: (hunk.file, hunk.old_start)):
        last = groups[-1][-1] if groups else None
        if last and last.file == hunk.file and hunk.old_start - _end(last) <= 2 * CONTEXT:
            groups[-1].append(hunk)
        else:
            groups.append([hunk])
    return groups


def _with_context(hunks: list[Hunk], text: str) -> Hunk:
    """Return hunks as one, together with the lines around them. `text` is the learner's file."""
    lines = [f" {line}" for line in text.splitlines()]
    first = at = max(hunks[0].old_start - CONTEXT, 0)
    around: list[str] = []
    for hunk in hunks:
        around += [*lines[at : hunk.old_start], *hunk.lines]
        at = _end(hunk)
    return replace(hunks[0], lines=(*around, *lines[at : at + CONTEXT]), old_start=first)


def _end(hunk: Hunk) -> int:
    return hunk.old_start + sum(row[0] != "+" for row in hunk.lines)


def _view(title: str, rows: list[str], sides: dict[str, str] = SIDES) -> View:
    width = max(map(len, sides.values())) + 2
    title = f"Second hint: {title}"
    text = "\n".join(f"    {sides[row[0]]:<{width}}{row[1:]}".rstrip() for row in rows)
    lines = ((f"{sides[row[0]]:<{width}}{row[1:]}", TINT[row[0]]) for row in rows)
    return View(f"  {title}:\n{text}", box(code_rows(lines), title))


def _around(hunk: Hunk, line: int, most: int = MOST_LINES) -> list[str]:
    """Return the lines of a difference.

    If the difference is long, return only the lines around this line, or its first lines.
    """
    at, own = 0, hunk.old_start
    for number, row in enumerate(hunk.lines):
        own += row[0] != "+"
        if own <= line:
            at = number
    first = max(min(at - most // 2, len(hunk.lines) - most), 0)
    rows = list(hunk.lines[first : first + most])
    for edge in (0, -1):
        while rows and not rows[edge][1:].strip():
            del rows[edge]
    return rows


def _missing(hunk: Hunk, number: str) -> View:
    return _sentence(
        f"Step {number} has a file {hunk.file}, but mine/chat has no file of that name."
    )


def _sentence(words: str) -> View:
    words = f"Second hint: {words}"
    return View(f"  {words}", sentence(words).markup)
