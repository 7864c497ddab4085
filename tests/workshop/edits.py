"""What learners do to the files in their folders: they solve an exercise, or make a mistake."""

import subprocess
from pathlib import Path

from workshop import manifest


def solve(which: str, folder: Path) -> None:
    """Apply the tested solution of a step's or a lab's exercise to a copy of it."""
    patch = manifest.lesson(which).folder / "exercise.patch"
    subprocess.run(["git", "apply", str(patch)], cwd=folder, check=True, capture_output=True)


def edit(file: Path, right: str, wrong: str) -> None:
    """Replace a text, which must be there, wherever a file contains it."""
    source = file.read_text(encoding="utf-8")
    assert right in source, right
    file.write_text(source.replace(right, wrong), encoding="utf-8")
