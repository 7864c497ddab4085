"""Run the notebooks from top to bottom, and store their outputs in the form that the test compares."""

import configparser
import os
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from workshop import paths, readme

CELL_TIMEOUT = 60  # seconds, as in the test


def refresh(names: list[str]) -> int:
    """Run the notebooks with these names, such as "05" or "05_broadcast", and return the exit code.

    Without names, run all notebooks.
    """
    chosen = notebooks(names)
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    for number, path in enumerate(chosen, 1):
        print(f"[{number}/{len(chosen)}] {path.name} …", end=" ", flush=True)
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as mine:  # so that no notebook finds another one's chat
            os.environ["WORKSHOP_MINE"] = mine
            execute(path)
        print(f"{time.monotonic() - begun:.1f} s")
    readme.renew()
    return 0


def notebooks(names: list[str]) -> list[Path]:
    """Return the notebooks with these names. Raises LookupError for a name that no notebook has."""
    known = sorted(paths.NOTEBOOKS.glob("*.ipynb"))
    if not names:
        return known
    chosen = []
    for name in names:
        found = [path for path in known if path.stem == name or path.name[:2] == name.zfill(2)]
        if not found:
            raise LookupError(
                f"There is no notebook {name!r}. There are: {[p.stem for p in known]}"
            )
        chosen += found
    return chosen


def execute(path: Path) -> None:
    """Run one notebook in its folder, and save it with sanitized outputs."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        coalesce_streams=True,  # otherwise, printed text is split at random places
        resources={"metadata": {"path": str(path.parent)}},
    ).execute(transport_encryption="auto")  # otherwise, each notebook would print a warning
    rules = sanitizers()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [sanitised(output, rules) for output in cell.outputs]
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]


def sanitizers() -> list[tuple[str, str]]:
    """Return the (pattern, replacement) pairs that the strict test applies to both sides."""
    rules = configparser.ConfigParser(interpolation=None)
    rules.read(paths.NOTEBOOKS / "sanitize.cfg", encoding="utf-8")
    return [(rules[name]["regex"], rules[name]["replace"]) for name in rules.sections()]


def sanitised(value: Any, rules: list[tuple[str, str]]) -> Any:
    """Return an output to which the rules have been applied, in every text that it contains."""
    if isinstance(value, str):
        for pattern, replacement in rules:
            value = re.sub(pattern, replacement, value)
        return value
    if isinstance(value, list):
        return [sanitised(each, rules) for each in value]
    if isinstance(value, dict):
        return type(value)({key: sanitised(each, rules) for key, each in value.items()})
    return value
