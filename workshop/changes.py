"""Find what a step changes in comparison with the previous step, and find named parts of files."""

import ast
import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from workshop import manifest
from workshop.threeway import Comparison, Mark

SIMILAR = 0.6  # the ratio of difflib from which one line replaces another
CONTEXT = 2  # unchanged lines shown around a change
NOT_LESSON = {"README.md", "exercise.patch"}
NOT_SHOWN = {"__pycache__", "instance", "site-packages", "node_modules"}
HUNK_OF_PATCH = re.compile(r"(?m)^@@ -(\d+)\S* \+(\d+)\S* @@.*\n")
FILE_OF_PATCH = re.compile(r"(?m)^--- .*\n\+\+\+ b/(.*)\n(?=@@ )")
TEXT_ENDINGS = {".py", ".html", ".css", ".js", ".txt", ".toml", ".sql"}


@dataclass(frozen=True)
class Hunk:
    """Consecutive lines of one file. Each begins with a mark: "+", "-", " " or "|" (the learner's)."""

    file: str
    place: str  # the function that contains the change, or "" at the top level
    lines: tuple[str, ...]
    old_start: int  # the first shown line in the old file, counted from 0
    new_start: int

    @property
    def added(self) -> list[str]:
        return [line[1:] for line in self.lines if line.startswith("+")]

    @property
    def removed(self) -> list[str]:
        return [line[1:] for line in self.lines if line.startswith("-")]

    @property
    def own(self) -> list[str]:
        return [line[1:] for line in self.lines if line.startswith("|")]


def lesson_files(folder: Path) -> dict[str, str]:
    """Return a stage's text files by relative path, without hidden files, README.md and the patch."""
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8-sig", errors="replace")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _is_lesson(path.relative_to(folder))
    }


def step_change(name: str) -> list[Hunk]:
    """Return all hunks between the previous step and this one. The first step adds everything."""
    current = manifest.step(name)
    previous = manifest.before(current)
    old = lesson_files(previous.folder) if previous else {}
    return list(_hunks(old, lesson_files(current.folder)))


def own_change(
    mine: Path, other: Path, came_from: dict[str, str] | None = None, context: int = CONTEXT
) -> list[Hunk]:
    """Return the changes from one folder to another. One of the folders is the learner's.

    `came_from` contains the files of the step from which both folders started. With these files, this
    function can distinguish the learner's own lines from the lines that the step removes. Indentation
    matters only in Python. In other files, editors indent differently, so a line that differs only in
    its indentation counts as unchanged, and is shown as it is in the first folder. Each hunk has up to
    `context` unchanged lines around its changes.
    """
    old, new = lesson_files(mine), lesson_files(other)
    return list(_hunks(old, new, came_from, context, indentation_counts=False))


def folder_change(old: Path, new: Path) -> list[Hunk]:
    return list(_hunks(lesson_files(old), lesson_files(new)))


def only_in(folder: Path, other: Path) -> list[str]:
    """Return the files that only `folder` has."""
    there = lesson_files(other)
    return [file for file in lesson_files(folder) if file not in there]


def patch_change(patch: str) -> list[Hunk]:
    """Return the hunks of a unified diff, such as `exercise.patch`."""
    _, *parts = FILE_OF_PATCH.split(patch)
    hunks = []
    for file, body in zip(parts[::2], parts[1::2], strict=True):
        _, *pieces = HUNK_OF_PATCH.split(body)
        for old, new, lines in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
            hunks.append(Hunk(file, "", tuple(lines.splitlines()), int(old) - 1, int(new) - 1))
    return hunks


def split(hunk: Hunk) -> list[Hunk]:
    """Return a hunk without context lines in parts, if some of its lines are similar.

    A line that is similar to an added one is replaced by it. The lines between are removed or added.
    """
    removed, added = hunk.removed, hunk.added
    parts, i, j = [], 0, 0
    for to_i, to_j in [*_similar(removed, added), (len(removed), len(added))]:
        for old, new, at in (
            (removed[i:to_i], added[j:to_j], i),
            (removed[to_i : to_i + 1], added[to_j : to_j + 1], to_i),
        ):
            lines = *(f"-{line}" for line in old), *(f"+{line}" for line in new)
            if lines:
                parts.append(replace(hunk, lines=lines, old_start=hunk.old_start + at))
        i, j = to_i + 1, to_j + 1
    return parts


def _similar(old: list[str], new: list[str]) -> list[tuple[int, int]]:
    """Return pairs of similar lines as numbers, in order, so that they are as similar as possible."""
    best: dict[tuple[int, int], tuple[float, list[tuple[int, int]]]] = {}
    for i in range(len(old) + 1):
        for j in range(len(new) + 1):
            choices = [best[at] for at in ((i - 1, j), (i, j - 1)) if at in best] or [(0.0, [])]
            if i and j:
                alike = difflib.SequenceMatcher(
                    None, old[i - 1].strip(), new[j - 1].strip()
                ).ratio()
                if alike >= SIMILAR:
                    total, pairs = best[i - 1, j - 1]
                    choices.append((total + alike, [*pairs, (i - 1, j - 1)]))
            best[i, j] = max(choices, key=lambda choice: choice[0])
    return best[len(old), len(new)][1]


def apply(hunks: Iterable[Hunk], folder: Path) -> None:
    """Make the changes of hunks in the files of a folder. Each file still has the old lines."""
    # From the end, so that the numbers of earlier lines stay as they are. At the same place, a line is
    # replaced before others are added above it.
    for hunk in sorted(hunks, key=lambda hunk: (-hunk.old_start, not hunk.removed)):
        file, start = folder / hunk.file, max(hunk.old_start, 0)
        lines = file.read_text("utf-8-sig", errors="replace").splitlines() if file.is_file() else []
        old = [line for line in hunk.lines if line[0] != "+"]
        lines[start : start + len(old)] = [line[1:] for line in hunk.lines if line[0] != "-"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join([*lines, ""]), encoding="utf-8")


def piece(text: str, file: str, name: str) -> tuple[int, int]:
    """Return the line range [start, end), counted from 0, of the piece of a file called `name`.

    In a Python file, a piece is a top-level function, class or assignment (with its decorators), or a
    method, such as "Class.method". In other files, a piece is a block: the first line that contains
    `name`, and the lines below it with deeper indentation. If there is no such piece, raises
    LookupError, which lists the pieces of a Python file.
    """
    if file.endswith(".py"):
        pieces = python_pieces(text)
        if "." in name:
            pieces |= _methods(text)
        if name not in pieces:
            raise LookupError(f"{file} has no {name!r}. It has: {', '.join(pieces)}.")
        return pieces[name]
    lines = text.splitlines()
    for start, line in enumerate(lines):
        if name in line:
            return start, _block_end(lines, start)
    raise LookupError(f"No line of {file} contains {name!r}.")


def python_pieces(text: str) -> dict[str, tuple[int, int]]:
    """Return the line ranges of a module's top-level functions, classes and assignments."""
    pieces: dict[str, tuple[int, int]] = {}
    for node in ast.parse(text).body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                pieces[node.name] = first - 1, node.end_lineno or first
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                pieces[name] = node.lineno - 1, node.end_lineno or node.lineno
    return pieces


def _methods(text: str) -> dict[str, tuple[int, int]]:
    """Return the line ranges of the methods of a module's classes, by "Class.method"."""
    return {
        f"{owner.name}.{node.name}": (node.lineno - 1, node.end_lineno or node.lineno)
        for owner in ast.parse(text).body
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, ast.FunctionDef)
    }


def _is_lesson(file: PurePath) -> bool:
    """Return whether a file is part of the lesson. `file` is its path in the stage's folder."""
    hidden = any(part.startswith(".") or part in NOT_SHOWN for part in file.parts)
    return not hidden and file.suffix in TEXT_ENDINGS and file.as_posix() not in NOT_LESSON


def _hunks(
    old: dict[str, str],
    new: dict[str, str],
    came_from: dict[str, str] | None = None,
    context: int = CONTEXT,
    *,
    indentation_counts: bool = True,
) -> Iterator[Hunk]:
    for file in sorted({*old, *new}, key=_reading_order):
        before, after = old.get(file, "").splitlines(), new.get(file, "").splitlines()
        same = str if indentation_counts or file.endswith(".py") else str.strip
        left, right = list(map(same, before)), list(map(same, after))
        if came_from is None:
            marks = list(_marks(left, right))
        else:
            origin = list(map(same, came_from.get(file, "").splitlines()))
            marks = list(Comparison(origin, left, right).marks())
        for group in _grouped(marks, context):
            lines = [m.sign + (after[m.step] if m.sign == "+" else before[m.mine]) for m in group]
            if came_from is not None and not any(ln[1:].strip() for ln in lines if ln[0] != " "):
                continue  # only empty lines differ, which do not count
            changed = next(mark.step for mark in group if mark.sign != " ")
            place = _place(file, new.get(file, ""), changed)
            yield Hunk(file, place, tuple(lines), group[0].mine, group[0].step)


def _marks(old: list[str], new: list[str]) -> Iterator[Mark]:
    """Yield a mark for each line of two texts. Removed lines come before the lines that replace them."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            yield from (Mark(" ", i1 + n, j1 + n) for n in range(i2 - i1))
        else:
            yield from (Mark("-", i, j1) for i in range(i1, i2))
            yield from (Mark("+", i2, j) for j in range(j1, j2))


def _grouped(marks: list[Mark], context: int) -> Iterator[list[Mark]]:
    """Yield groups of changed lines, with some unchanged lines around each group as context.

    Groups that are close to each other are joined.
    """
    changed = [number for number, mark in enumerate(marks) if mark.sign != " "]
    while changed:
        first = last = changed.pop(0)
        while changed and changed[0] <= last + 2 * context + 1:
            last = changed.pop(0)
        yield marks[max(first - context, 0) : last + context + 1]


def _place(file: str, text: str, line: int) -> str:
    if not file.endswith(".py"):
        return ""
    try:
        pieces = python_pieces(text)
    except SyntaxError:  # a learner's unfinished file can be compared, too
        return ""
    return next((name for name, (start, end) in pieces.items() if start <= line < end), "")


def _block_end(lines: list[str], start: int) -> int:
    """Return the end of the block that starts here. The block includes the line that closes it."""
    indent = _indent(lines[start])
    for number in range(start + 1, len(lines)):
        if lines[number].strip() and _indent(lines[number]) <= indent:
            closes = number > start + 1 and lines[number].strip()[:1] in set(")}]<")
            return number + 1 if closes else number
    return len(lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _reading_order(file: str) -> tuple[int, str]:
    """Sort files in the order in which people read a step: Python, pages, scripts, then styles."""
    order = [".py", ".txt", ".html", ".js", ".css"]
    suffix = Path(file).suffix
    return (order.index(suffix) if suffix in order else len(order), file)
