"""A second virtual environment in `mine/`, for step 01: to see that each has its own packages."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from workshop import paths

# For programs whose output a learner reads: Jupyter asks all of a kernel's children for colours, and
# from 3.13 on Python's tracebacks would come with escape codes.
PLAIN = {"NO_COLOR": "1", "PYTHON_COLORS": "0"}
RUN_TIMEOUT = 60  # seconds; making one on a slow disk takes twenty


@dataclass(frozen=True)
class Environment:
    folder: Path

    @property
    def python(self) -> Path:
        """The environment's own Python."""
        windows = sys.platform == "win32"
        return self.folder / ("Scripts/python.exe" if windows else "bin/python")

    def run(self, code: str) -> str:
        """Run a line of Python there; return what it printed, or the last line of its error."""
        result = subprocess.run(
            [self.python, "-c", code],
            env=os.environ | PLAIN,
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT,
        )
        output = result.stdout if result.returncode == 0 else result.stderr
        return (output.strip().splitlines() or [""])[-1]

    def __repr__(self) -> str:
        return f"<environment mine/{self.folder.name}>"


def second() -> Environment:
    return Environment(paths.mine() / "second")


def make_environment(name: str = "second") -> Environment:
    """Make `mine/<name>` with `python -m venv`, unless it is there, and return it.

    Raises RuntimeError with what Python said and what to do.
    """
    made = Environment(paths.mine() / name)
    if made.python.is_file():
        return made
    result = subprocess.run(
        [sys.executable, "-m", "venv", made.folder],
        env=os.environ | PLAIN,
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT,
    )
    if result.returncode:
        raise RuntimeError(
            f"`python -m venv mine/{name}` failed.\nIt said: {result.stderr or result.stdout}\n"
            "What to do: on Debian and Ubuntu, `sudo apt install python3-venv`; then run the cell again."
        )
    return made
