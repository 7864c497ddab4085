"""`workshop lock`: resolve pyproject.toml's dependencies from scratch, and export locks with hashes.

uv.lock contains the address of the registry that was used, so it is not committed. The exported files
contain no host names. Each lock is complete: if you install one, you need no other.
"""

import os
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from workshop import paths

LOCKS = {
    "requirements-steps.lock": [],
    "requirements-chat.lock": ["--extra", "chat"],
    "requirements-scale.lock": ["--extra", "chat", "--extra", "scale"],
    "requirements.lock": ["--extra", "chat", "--extra", "scale", "--extra", "notebooks"],
    "requirements-test.lock": ["--all-extras"],
    "requirements-build.lock": ["--only-group", "build"],
    "requirements-uv.lock": ["--only-group", "uv"],
}


def lock(folder: Path = paths.ROOT, *, newest: bool = False) -> None:
    """Write all locks into `folder`.

    With `newest`, use all releases up to now. uv runs in an empty folder, because an old uv.lock would
    influence the result. Raises RuntimeError with uv's message if there is no solution.
    """
    with tempfile.TemporaryDirectory() as project:
        shutil.copy(paths.ROOT / "pyproject.toml", project)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        _uv(project, "lock", *(["--exclude-newer", now] if newest else []))
        for name, which in LOCKS.items():
            options = ["--frozen", "--no-emit-project", "--no-header", "--no-default-groups"]
            _uv(project, "export", *options, *which, "-o", name)
            shutil.copy(Path(project) / name, folder / name)


def find_uv() -> str:
    """Return the path of uv from the variable UV, which start.py and uv itself set, or from PATH.

    Raises LookupError if uv is not found.
    """
    found = os.environ.get("UV") or shutil.which("uv")
    if not found:
        raise LookupError(
            "There is no uv here.\nExpected: the one that start.py brings.\n"
            "What to do: `python3 start.py lock` (Windows: `py start.py lock`)."
        )
    return found


def _uv(project: str, *command: str) -> None:
    done = subprocess.run(
        [find_uv(), *command], cwd=project, capture_output=True, text=True, encoding="utf-8"
    )
    if done.returncode:
        raise RuntimeError(f"`uv {' '.join(command)}` failed. It printed:\n{done.stderr}")
