"""The content of steps.toml, and functions that find a step or a lab by its number or name."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workshop import paths

START_MINUTES = 17  # for notebook 00, which belongs to no step


@dataclass(frozen=True)
class Checkpoint:
    title: str
    terms: tuple[str, ...]
    minutes: int


@dataclass(frozen=True)
class Step:
    """One entry of steps.toml. `teach` and `exercise` are times in minutes."""

    name: str  # "05_broadcast"
    title: str
    idea: str
    teach: int
    exercise: int
    checkpoints: tuple[Checkpoint, ...]

    @property
    def number(self) -> str:
        return self.name[:2]

    @property
    def subject(self) -> str:
        return self.name[3:]  # "broadcast"

    @property
    def folder(self) -> Path:
        return paths.STEPS / self.name

    @property
    def notebook(self) -> Path:
        return paths.NOTEBOOKS / f"{self.name}.ipynb"


class Lab(Step):
    """A notebook about the finished application. Its folder contains the solution and code to run."""

    @property
    def folder(self) -> Path:
        return paths.LABS / self.name


@cache
def steps() -> tuple[Step, ...]:
    """Return all steps in order."""
    return tuple(Step(**_entry(each)) for each in contents()["step"])


@cache
def labs() -> tuple[Lab, ...]:
    """Return the labs, which come after the last step, in order."""
    return tuple(Lab(**_entry(each)) for each in contents()["lab"])


def step(which: str) -> Step:
    """Return the step called "05", "5" or "05_broadcast".

    If there is no such step, raises LookupError, which lists the steps.
    """
    for lab in labs():
        if _is_called(lab, which):
            raise LookupError(
                f"{lab.name} is a lab about the finished application, not a step.\nWhat to do: open "
                f"its notebook, {lab.name}.ipynb. Then `python3 start.py check {lab.number}` works."
            )
    return _named(which, steps())


def step_about(subject: str) -> Step:
    """Return the step with a subject such as "history", whatever its number.

    If there is no such step, raises LookupError, which lists the subjects.
    """
    for each in steps():
        if each.subject == subject:
            return each
    known = ", ".join(each.subject for each in steps())
    raise LookupError(f"There is no step about {subject!r}.\nExpected one of: {known}.")


def lesson(which: str) -> Step:
    """Return the step or lab with this name or number.

    If there is none, raises LookupError, which lists the steps and labs.
    """
    return _named(which, (*steps(), *labs()))


@cache
def contents() -> dict[str, Any]:
    """Return the content of steps.toml."""
    with (paths.STEPS / "steps.toml").open("rb") as file:
        return tomllib.load(file)


def before(current: Step) -> Step | None:
    """Return the step that `current` is built on, or None for the first step."""
    place = steps().index(current)
    return steps()[place - 1] if place else None


def _named(which: str, lessons: Sequence[Step]) -> Step:
    for candidate in lessons:
        if _is_called(candidate, which):
            return candidate
    known = ", ".join(candidate.name for candidate in lessons)
    raise LookupError(
        f"There is no step {which!r}.\nExpected one of: {known} (or its number, for example 05)."
    )


def _is_called(candidate: Step, which: str) -> bool:
    wanted = str(which).strip().rstrip("/")  # a learner may write 5 instead of "05"
    return wanted == candidate.name or wanted.zfill(2) == candidate.number


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "checkpoints": tuple(map(_checkpoint, entry["checkpoints"]))}


def _checkpoint(entry: dict[str, object]) -> Checkpoint:
    terms = entry["terms"]
    assert isinstance(terms, list)
    return Checkpoint(str(entry["title"]), tuple(map(str, terms)), int(str(entry["minutes"])))
