"""What the repository's tests read from the notebooks: their cells, and what they show of a step."""

import ast
from typing import Any

import nbformat

from workshop import changes, manifest, paths
from workshop.views import choose

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
