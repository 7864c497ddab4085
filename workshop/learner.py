"""Bring the learner's chat to a step: keep what there is in mine/saved, copy the step, show both."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from workshop import changes, manifest, paths
from workshop.stages import stop_stages_in

LEFT_OUT = shutil.ignore_patterns("README.md", "exercise.patch", "__pycache__", "instance", ".*")


@dataclass(frozen=True)
class CaughtUp:
    """What `catch_up` did: the copied step, and where the earlier folder is now, if there was one."""

    step: str
    saved: Path | None
    hunks: list[changes.Hunk]

    def __str__(self) -> str:
        lines = [f"mine/chat is now a copy of {self.step}."]
        if self.saved:
            lines.append(f"What was there is kept, whole, in mine/saved/{self.saved.name}.")
        return "\n".join(lines)


def catch_up(which: str) -> CaughtUp:
    """Make mine/chat a copy of a step, after moving what was there to mine/saved.

    The move is one rename: whatever happens, every file is in one of the two places.
    """
    step = manifest.step(which)
    target, saved = paths.my_chat(), None
    fresh = target.with_name(f".{target.name}-{step.number}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(step.folder, fresh, ignore=LEFT_OUT)
    stop_stages_in(target)
    if target.exists() and any(target.iterdir()):
        saved = _free_name(paths.mine() / "saved")
        target.rename(saved)
    elif target.exists():
        target.rmdir()
    fresh.rename(target)
    _touch(target)
    hunks = changes.own_change(saved, target) if saved else []
    return CaughtUp(step.name, saved, hunks)


def bring(which: str, file: str = "") -> str:
    """Copy one whole file of a step into mine/chat, such as a stylesheet nobody wants to type.

    Returns what was done, as a sentence. An own, different file of that name is kept beside it.
    bring("final_app") copies the finished application to mine/final_app, unless it is there, and
    bring("12_speed") what lab 12 begins with to mine/speed.
    """
    if which == "final_app":
        return _bring_folder(paths.ROOT / "final_app", paths.my_final_app())
    if which == "12_speed":
        return _bring_folder(paths.LABS / which / "one_by_one", paths.my_speed())
    step = manifest.step(which)
    source, target = step.folder / file, paths.my_chat() / file
    if not source.is_file():
        known = ", ".join(changes.lesson_files(step.folder))
        raise LookupError(f"{step.name} has no {file!r}. It has: {known}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    done = f"mine/chat/{file} is there, as in {step.name}."
    if target.is_file() and target.read_bytes() != source.read_bytes():
        keep = _free_name(paths.mine() / "saved")
        keep.mkdir()
        shutil.move(target, keep / target.name)
        done += (
            f" Yours was different: it is in mine/saved/{keep.name}. If a tab shows this file, close "
            "the tab: it still has the old text."
        )
    shutil.copyfile(source, target)
    return done


def _bring_folder(source: Path, target: Path) -> str:
    """Copy a folder for a lab, unless the learner has it already."""
    name = target.relative_to(paths.mine()).as_posix()
    if target.exists():
        return f"mine/{name} is there, and stays as it is. To start over, rename or delete it."
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target, ignore=LEFT_OUT)
    origin = source.relative_to(paths.ROOT).as_posix()
    return f"mine/{name} is there, a copy of {origin}. It is yours: change it."


def _free_name(folder: Path) -> Path:
    """Return a new name in `folder`, made of date and time, with a number when that is taken."""
    folder.mkdir(parents=True, exist_ok=True)
    name = datetime.now().strftime("chat-%Y-%m-%d-%H.%M.%S")
    candidates = [folder / name, *(folder / f"{name}-{number}" for number in range(2, 100))]
    return next(candidate for candidate in candidates if not candidate.exists())


def _touch(folder: Path) -> None:
    """Make the copy newer than anything before, so that a running stage sees that it changed."""
    for path in folder.rglob("*"):
        path.touch()
