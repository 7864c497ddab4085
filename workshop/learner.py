"""Move the learner's chat to mine/saved, and replace it with a copy of a step."""

import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath

from workshop import changes, manifest, paths, running
from workshop.stages import stop_stages_in, temporary_folder

SCANNED = 2.0  # seconds in which a virus scanner has looked at new files
AGAIN = 0.1  # seconds between two attempts
LEFT_OUT = shutil.ignore_patterns("README.md", "exercise.patch", "__pycache__", "instance", ".*")


@dataclass(frozen=True)
class CaughtUp:
    """The result of `catch_up`: the step that it copied, and where the earlier chat is now, if any."""

    step: str
    saved: Path | None
    hunks: list[changes.Hunk]

    def __str__(self) -> str:
        lines = [f"mine/chat is now a copy of {self.step}."]
        if self.saved:
            lines.append(f"Your earlier chat is in mine/saved/{self.saved.name}.")
        return "\n".join(lines)


def catch_up(which: str) -> CaughtUp:
    """Move the files in mine/chat to mine/saved, and replace them with a copy of a step.

    The move is one rename, so every file is in one of the two folders, whatever happens.
    """
    step = manifest.step(which)
    target, saved = paths.my_chat(), None
    fresh = _copied(step.folder, target)
    stop_stages_in(target)
    if target.exists() and any(target.iterdir()):
        saved = _free_name(paths.mine() / "saved")
        _move(target, saved)
    elif target.exists():
        target.rmdir()
    _move(fresh, target)
    _touch(target)
    hunks = changes.own_change(saved, target) if saved else []
    return CaughtUp(step.name, saved, hunks)


def bring(which: str, file: str = "") -> str:
    """Copy one file of a step into mine/chat, for example a stylesheet that nobody wants to type.

    Returns a sentence about what it has done. If the learner already has a different file with this
    name, that file moves to mine/saved. bring("final_app") copies the finished application to
    mine/final_app. bring("18_speed") copies the code for the lab on speed to mine/speed,
    bring("19_attack") copies the chat with holes to mine/attack, and bring("20_processes") copies the
    chat for several processes to mine/processes. If such a folder already exists, nothing is copied.
    """
    if which == "final_app":
        return _bring_folder(paths.ROOT / "final_app", paths.mine() / "final_app")
    if which == "18_speed":
        return _bring_folder(paths.LABS / which / "one_by_one", paths.mine() / "speed")
    if which == "19_attack":
        return _bring_with_holes()
    if which == "20_processes":
        return _bring_folder(paths.LABS / which, paths.mine() / "processes")
    step = manifest.step(which)
    source, target = step.folder / file, paths.my_chat() / file
    known = changes.lesson_files(step.folder)
    if PurePath(file).as_posix() not in known:  # a path with `..` can lead to any file
        raise LookupError(f"{step.name} has no {file!r}. It has: {', '.join(known)}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    done = f"mine/chat/{file} is now the file from {step.name}."
    if target.is_file() and not _is_of_a_step(target, file):
        keep = _free_name(paths.mine() / "saved")
        keep.mkdir()
        shutil.move(target, keep / target.name)
        done += (
            f" Your file was different, and is now in mine/saved/{keep.name}. If a tab shows this "
            "file, close the tab, because it still has the old text."
        )
    shutil.copyfile(source, target)
    return done


def _is_of_a_step(target: Path, file: str) -> bool:
    """Return whether the learner's file is identical to a step's file, so that nothing would be lost."""
    copies = (step.folder / file for step in manifest.steps())
    return any(copy.is_file() and copy.read_bytes() == target.read_bytes() for copy in copies)


def _bring_with_holes() -> str:
    """Copy the chat for the lab on attacks.

    It consists of the last step and the lab's app.py, which adds features to the step.
    """
    step, folder = manifest.step_about("downloads"), temporary_folder() / "attack"
    shutil.copytree(step.folder, folder, ignore=LEFT_OUT)
    (folder / "app.py").rename(folder / f"step_{step.number}.py")
    shutil.copytree(paths.LABS / "19_attack", folder, ignore=LEFT_OUT, dirs_exist_ok=True)
    return _bring_folder(
        folder, paths.mine() / "attack", f"step {step.number} with three more features"
    )


def _bring_folder(source: Path, target: Path, origin: str = "") -> str:
    """Copy a folder for a lab, unless the learner has it already."""
    name = target.relative_to(paths.mine()).as_posix()
    if target.exists():
        return f"mine/{name} already exists, so nothing was copied. To start over, rename or delete it."
    _move(_copied(source, target), target)
    origin = origin or source.relative_to(paths.ROOT).as_posix()
    return f"mine/{name} is now a copy of {origin}. You can change it as you like."


def _copied(source: Path, target: Path) -> Path:
    """Copy a folder next to `target`, and return the complete copy. If this fails, nothing remains."""
    fresh = target.with_name(f".{target.name}-new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copytree(source, fresh, ignore=LEFT_OUT)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return fresh


def _move(folder: Path, target: Path) -> None:
    """Rename a folder. Windows refuses this while a program uses the folder or a file in it.

    A virus scanner does so for a moment. Raises PermissionError, which explains what to do, if it takes
    longer.
    """
    give_up = time.monotonic() + SCANNED
    while True:
        try:
            folder.rename(target)
            return
        except PermissionError:
            if time.monotonic() > give_up:
                break
        time.sleep(AGAIN)
    users = [f"a server on port {each.port}, by {each.by}" for each in running.notes()
             if each.folder == str(folder)]  # fmt: skip
    raise PermissionError(
        f"mine/{folder.name} could not be moved to {target}.\nExpected: no program uses it, or a file "
        f"in it.\nFound: {', '.join(users) or 'the system refused to move it'}.\nWhat to do: stop your "
        "chat (press Ctrl+C in its terminal, or use `python3 start.py stop`), close terminals that are "
        "in this folder, and try again."
    )


def _free_name(folder: Path) -> Path:
    """Return a new name in `folder`: the date and time, and a number if that name is taken."""
    folder.mkdir(parents=True, exist_ok=True)
    name = datetime.now().strftime("chat-%Y-%m-%d-%H.%M.%S")
    candidates = [folder / name, *(folder / f"{name}-{number}" for number in range(2, 100))]
    return next(candidate for candidate in candidates if not candidate.exists())


def _touch(folder: Path) -> None:
    """Set the files' times to now, so that a running stage notices that the files have changed."""
    for path in folder.rglob("*"):
        path.touch()
