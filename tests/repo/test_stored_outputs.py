"""Stored outputs are true, and the test suite notices if one is not."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.repo.lessons import NOTEBOOKS, cells
from workshop import paths

ALL = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
SHORT = "02_routes"  # the notebook that is tampered with


def compare(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the strict comparison on the notebooks of a folder, with the project's own options."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", "--rootdir", paths.ROOT, "-c", "pyproject.toml",
         folder],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
    )  # fmt: skip


def altered(folder: Path, old: str, new: str) -> Path:
    """Copy a notebook to `folder` with a text in its stored outputs replaced."""
    notebook = nbformat.read(paths.NOTEBOOKS / f"{SHORT}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    changed = 0
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if old in output.get("text", ""):
                output["text"] = output["text"].replace(old, new)
                changed += 1
    assert changed == (1 if old else 0)
    nbformat.write(notebook, folder / f"{SHORT}.ipynb")  # type: ignore[no-untyped-call]
    return folder


def test_a_tampered_stored_output_turns_the_suite_red(tmp_path: Path) -> None:
    result = compare(altered(tmp_path, "302 found", "303 found"))
    assert result.returncode == 1, result.stdout
    assert "303 found" in result.stdout
    assert "1 failed" in result.stdout


def test_the_same_notebook_untouched_is_green(tmp_path: Path) -> None:
    """A guard: the tampered copy fails only because of the tampering."""
    shutil.copy(paths.NOTEBOOKS / f"{SHORT}.ipynb", tmp_path)
    result = compare(tmp_path)
    assert result.returncode == 0, result.stdout


@ALL
def test_every_code_cell_was_run_in_order(notebook: Path) -> None:
    counts = [cell.execution_count for cell in cells(notebook.stem, "code")]
    assert counts == list(range(1, len(counts) + 1))


@ALL
def test_only_labelled_errors_are_stored(notebook: Path) -> None:
    for cell in cells(notebook.stem, "code"):
        failed = any(output.output_type == "error" for output in cell.outputs)
        meant = "raises-exception" in cell.metadata.get("tags", [])
        assert failed == meant, cell.source


@ALL
def test_a_stored_output_names_no_machine(notebook: Path) -> None:
    """No port, path, memory address or session ID is stored, because these differ on every run."""
    text = notebook.read_text(encoding="utf-8")
    for pattern in (r"127\.0\.0\.1:\d", r"localhost:\d", r"0x[0-9a-f]{6}", r"/(home|root|Users)/"):
        assert not re.search(pattern, text), pattern
    assert str(paths.ROOT) not in text
    assert "site-packages" not in text
