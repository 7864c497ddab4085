"""What steps.toml says of each step, and how a step is found by number, name or folder."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workshop import paths

START_MINUTES = 15  # notebook 00, which belongs to no step


@dataclass(frozen=True)
class Checkpoint:
    title: str
    terms: tuple[str, ...]
    minutes: int


@dataclass(frozen=True)
class Step:
    """One entry of steps.toml; minutes are to teach and to exercise."""

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
    def folder(self) -> Path:
        return paths.STEPS / self.name

    @property
    def notebook(self) -> Path:
        return paths.NOTEBOOKS / f"{self.name}.ipynb"


@cache
def steps() -> tuple[Step, ...]:
    """Return all steps in the order of the class."""
    with (paths.STEPS / "steps.toml").open("rb") as file:
        entries = tomllib.load(file)["step"]
    return tuple(
        Step(
            **{**entry, "checkpoints": tuple(map(_checkpoint, entry["checkpoints"]))},
        )
        for entry in entries
    )


def step(which: str) -> Step:
    """Return the step called "05", "5" or "05_broadcast".

    Raises LookupError that lists what there is.
    """
    wanted = which.strip().rstrip("/")
    for candidate in steps():
        if wanted == candidate.name or wanted.zfill(2) == candidate.number:
            return candidate
    known = ", ".join(candidate.name for candidate in steps())
    raise LookupError(
        f"There is no step {which!r}.\nExpected one of: {known} (or its number, for example 05)."
    )


def before(current: Step) -> Step | None:
    """Return the step that `current` is built on, None for the first."""
    place = steps().index(current)
    return steps()[place - 1] if place else None


def _checkpoint(entry: dict[str, object]) -> Checkpoint:
    terms = entry["terms"]
    assert isinstance(terms, list)
    return Checkpoint(str(entry["title"]), tuple(map(str, terms)), int(str(entry["minutes"])))
