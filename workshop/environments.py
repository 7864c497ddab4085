"""A second virtual environment in `mine/`, to show in step 01 that each has its own packages."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from workshop import paths

# For programs whose output a learner reads. Jupyter asks all child processes of a kernel to use colours.
# Without these settings, tracebacks would contain escape codes from Python 3.13 on.
PLAIN = {"NO_COLOR": "1", "PYTHON_COLORS": "0"}
RUN_TIMEOUT = 60  # seconds


@dataclass(frozen=True)
class Environment:
    folder: Path

    @property
    def python(self) -> Path:
        """The environment's own Python."""
        windows = sys.platform == "win32"
        return self.folder / ("Scripts/python.exe" if windows else "bin/python")

    @property
    def is_complete(self) -> bool:
        """Whether `python -m venv` has ended. It installs pip, and then creates `activate`."""
        return self.python.is_file() and self.python.with_name("activate").is_file()

    def run(self, code: str) -> str:
        """Run a line of Python in this environment. Return the last line of the output or the error."""
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
    """Create `mine/<name>` with `python -m venv`, unless it is complete, and return it.

    Raises RuntimeError, with Python's message and what to do, if this fails.
    """
    made = Environment(paths.mine() / name)
    if made.is_complete:
        return made
    clear = ["--clear"] if (made.folder / "pyvenv.cfg").is_file() else []  # only an environment
    result = subprocess.run(
        [sys.executable, "-m", "venv", *clear, made.folder],
        env=os.environ | PLAIN,
        capture_output=True,
        text=True,
    )  # without a timeout: on a slow disk, this takes minutes, and a second try would be as slow
    if result.returncode:
        raise RuntimeError(
            f"`python -m venv mine/{name}` failed.\nIt printed: {result.stderr or result.stdout}\n"
            "What to do: on Debian and Ubuntu, run `sudo apt install python3-venv`. Then run this "
            "cell again."
        )
    return made
