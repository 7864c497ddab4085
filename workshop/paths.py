"""The paths of the workshop's own folders (read-only for learners) and of the learner's `mine/`."""

import os
from pathlib import Path


def find_root() -> Path:
    """Return the workshop's top folder, which contains `steps/steps.toml`.

    It is WORKSHOP_ROOT, if this variable is set. Otherwise, it is the folder that contains this package,
    or the current folder, or a folder above that. If none of them is the top folder, raises
    FileNotFoundError, which explains what to do.
    """
    named = os.environ.get("WORKSHOP_ROOT")
    here = Path(__file__).resolve().parent
    candidates = [Path(named)] if named else [here.parent, Path.cwd(), *Path.cwd().parents]
    for folder in candidates:
        if (folder / "steps" / "steps.toml").is_file():
            return folder.resolve()
    raise FileNotFoundError(
        "The workshop's folder was not found.\n"
        f"Expected: a folder with steps/steps.toml, at or above {Path.cwd()}.\n"
        "What to do: change to the folder that contains start.py, then try again."
    )


ROOT = find_root()
STEPS = ROOT / "steps"
LABS = ROOT / "labs"
NOTEBOOKS = ROOT / "notebooks"


def mine() -> Path:
    """Return the learner's folder. Tests set WORKSHOP_MINE, so that they never change a real folder."""
    return Path(os.environ.get("WORKSHOP_MINE") or ROOT / "mine").resolve()


def store(path: Path, text: str) -> None:
    """Write a file as a whole. If this fails, as on a full disk, the old file is still there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_text(text, "utf-8", newline="\n")
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def my_chat() -> Path:
    """Return the folder of the learner's own application."""
    return mine() / "chat"
