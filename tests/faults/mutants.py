"""Mutants: copies of final_app with one mistake, on which a fault test must fail.

A test that cannot fail proves nothing. Each mutant represents a mistake that somebody could make.
"""

import shutil
from pathlib import Path

from workshop import paths

Change = tuple[str, str, str]  # file below final_app, the text that is there, the text instead


def mutant(folder: Path, *changes: Change) -> Path:
    """Copy final_app into `folder` with a change. Return the value for `Server(code=…)`."""
    code = folder / "mutant"
    shutil.copytree(
        paths.ROOT / "final_app",
        code / "final_app",
        ignore=shutil.ignore_patterns("__pycache__"),
        dirs_exist_ok=True,
    )
    for name, there, instead in changes:
        path = code / "final_app" / name
        text = path.read_text(encoding="utf-8")
        assert text.count(there) == 1, f"{name} has {text.count(there)} times: {there!r}"
        path.write_text(text.replace(there, instead), encoding="utf-8")
    return code
