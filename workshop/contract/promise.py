"""A promise: a sentence, since which step it holds, and the code that tries it."""

from collections.abc import Callable
from dataclasses import dataclass

from workshop.stages import Stage

Trial = Callable[[Stage], None]


class Broken(AssertionError):
    """A promise does not hold. The three parts are sentences for a learner."""

    def __init__(self, *, expected: str, seen: str, hint: str) -> None:
        self.expected = expected
        self.seen = seen
        self.hint = hint
        super().__init__(f"\nExpected: {expected}\nSeen: {seen}\nHint: {hint}")


class NotAttempted(Broken):
    """Nothing of the exercise is there yet, which is no mistake."""


@dataclass(frozen=True)
class Promise:
    """`since` and `until` are step numbers; `until` is the last step that keeps the promise.

    `withdrawn_by` is the number of the step whose exercise, once done, takes the promise back.
    """

    sentence: str
    since: str
    until: str
    withdrawn_by: str
    trial: Trial

    def __str__(self) -> str:
        return self.sentence


_promises: list[Promise] = []
_exercises: dict[str, Promise] = {}


def promise(*, since: str, until: str = "99", withdrawn_by: str = "") -> Callable[[Trial], Trial]:
    """Register a function as a promise of every step from `since` to `until`."""

    def register(trial: Trial) -> Trial:
        _promises.append(Promise(_sentence(trial), since, until, withdrawn_by, trial))
        return trial

    return register


def exercise(step: str) -> Callable[[Trial], Trial]:
    """Register a function as the check of a step's exercise."""

    def register(trial: Trial) -> Trial:
        _exercises[step] = Promise(_sentence(trial), step, step, "", trial)
        return trial

    return register


def promises_of(step: str) -> list[Promise]:
    """Return the promises that the step with this number keeps, in the order of the class.

    Within a step: first the events, then the pages, as the notebooks go (A from Python, B the page).
    """
    kept = [each for each in _promises if each.since <= step <= each.until]
    return sorted(kept, key=lambda each: (each.since, each.trial.__module__))


def exercise_of(step: str) -> Promise:
    return _exercises[step]


def _sentence(trial: Trial) -> str:
    if not trial.__doc__:
        raise TypeError(f"{trial.__name__} needs a docstring: it is the sentence shown.")
    return trial.__doc__.splitlines()[0]
