"""What the repository's tests read from the notebooks: their cells, and what they ask of a learner.

python -m tests.repo.lessons        # a table: what each step asks for
"""

import ast
import re
from collections.abc import Iterator
from typing import Any

import nbformat

from workshop import changes, manifest, paths
from workshop.views import choose, table

NOTEBOOKS = sorted(paths.NOTEBOOKS.glob("*.ipynb"))


def cells(name: str, kind: str) -> list[Any]:
    """Return the cells of a notebook that are "code" or "markdown"."""
    notebook = nbformat.read(paths.NOTEBOOKS / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def prose(name: str) -> str:
    return "\n".join(cell.source for cell in cells(name, "markdown"))


def shown_hunks(step: manifest.Step) -> list[changes.Hunk]:
    """Return the hunks of a step that its notebook shows with `show_change`."""
    hunks = changes.step_change(step.name)
    shown: list[changes.Hunk] = []
    for cell in cells(step.name, "code"):
        for call in ast.walk(ast.parse(cell.source)):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "show_change":
                where, *what = [ast.literal_eval(argument) for argument in call.args]
                if where == step.name:
                    shown += choose(hunks, tuple(what))
    return shown


def lines_typed(step: manifest.Step) -> dict[str, tuple[int, int]]:
    """Return how many lines a learner adds and removes in Modify, by file. Empty lines don't count."""
    given = brought(step)
    return {
        file: (written(hunk.added for hunk in hunks), written(hunk.removed for hunk in hunks))
        for file, hunks in changes_by_file(step).items()
        if file not in given
    }


def changes_by_file(step: manifest.Step) -> dict[str, list[changes.Hunk]]:
    found: dict[str, list[changes.Hunk]] = {}
    for hunk in changes.step_change(step.name):
        found.setdefault(hunk.file, []).append(hunk)
    return found


def written(texts: Iterator[Any]) -> int:
    """Return how many lines are not empty."""
    return sum(bool(line.strip()) for lines in texts for line in lines)


def brought(step: manifest.Step) -> set[str]:
    """Return the files that a step's notebook copies for the learner with `bring`."""
    found: set[str] = set()
    for cell in cells(step.name, "code"):
        tree = ast.parse(cell.source)
        loops = {
            loop.target.id: loop.iter
            for loop in ast.walk(tree)
            if isinstance(loop, ast.For) and isinstance(loop.target, ast.Name)
        }
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "bring":
                file = call.args[-1]
                if isinstance(file, ast.Name):
                    found |= {*ast.literal_eval(loops[file.id])}
                else:
                    found.add(ast.literal_eval(file))
    return found


def lines_made(step: manifest.Step) -> list[str]:
    """Return the lines of the exercise, without those that the learner copies from its text."""
    given = copied(prose(step.name))
    patch = (step.folder / "exercise.patch").read_text(encoding="utf-8")
    added = [line[1:].strip() for line in patch.splitlines() if re.match(r"\+(?!\+\+ )", line)]
    return [line for line in added if line and line not in given]


def copied(text: str) -> set[str]:
    """Return the lines in the code blocks of the section Make. Folded hints don't count."""
    sections = re.split(r"(?m)^(?=## )", re.sub(r"(?ms)^<details>.*?^</details>", "", text))
    make = "".join(section for section in sections if section.startswith("## Make"))
    blocks = re.findall(r"(?ms)^ *```\w*\n(.*?)^ *```", make)
    return {line.strip() for block in blocks for line in block.splitlines()}


def terms(step: manifest.Step) -> list[str]:
    return [term for checkpoint in step.checkpoints for term in checkpoint.terms]


def overview() -> str:
    """Return a table of what each step asks of a learner."""
    rows = [
        (
            step.name,
            str(sum(added for added, _ in lines_typed(step).values())),
            str(len(lines_made(step))),
            f"{len(terms(step))}: {', '.join(terms(step))}",
            f"{step.teach} + {step.exercise} = {step.teach + step.exercise}",
        )
        for step in manifest.steps()
    ]
    return table(("step", "lines in Modify", "lines in Make", "new terms", "minutes"), rows)


if __name__ == "__main__":
    print(overview())
