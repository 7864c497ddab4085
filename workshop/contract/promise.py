"""A promise: a sentence, since which step it holds, and the code that tries it."""

from collections.abc import Callable
from dataclasses import dataclass

from workshop.stages import Stage

Trial = Callable[[Stage], None]
LAST = "99"  # no step withdraws it


class Broken(AssertionError):
    """A promise does not hold. The parts are sentences for a learner.

    `sentence` names another promise, where trying one has shown that that other one is broken.
    """

    def __init__(self, *, expected: str, seen: str, hint: str, sentence: str = "") -> None:
        self.expected = expected
        self.seen = seen
        self.hint = hint
        self.sentence = sentence
        super().__init__(f"\nExpected: {expected}\nSeen: {seen}\nHint: {hint}")


class NotAttempted(Broken):
    """Nothing of the exercise is there yet, which is no mistake."""


@dataclass(frozen=True)
class Promise:
    """`since` and `until` are step numbers; `until` is the last step that keeps the promise.

    `withdrawn_by` is the number of the step whose exercise, once done, takes the promise back; the
    next step makes it again. An `extra` may be left out by a learner: it then raises NotAttempted.
    `final_app` says that the finished application keeps the promise, too.
    """

    sentence: str
    trial: Trial
    since: str
    until: str = LAST
    withdrawn_by: str = ""
    extra: bool = False
    final_app: bool = False

    def __str__(self) -> str:
        return self.sentence

    def kept_by(self, step: str) -> bool:
        return self.since <= step <= self.until


_promises: list[Promise] = []
_exercises: dict[str, Promise] = {}


def promise(
    *,
    since: str,
    until: str = LAST,
    withdrawn_by: str = "",
    extra: bool = False,
    final_app: bool = False,
) -> Callable[[Trial], Trial]:
    """Register a function as a promise of every step from `since` to `until`."""

    def register(trial: Trial) -> Trial:
        sentence = _sentence(trial)
        made = Promise(sentence, trial, since, until, withdrawn_by, extra, final_app)
        _promises.append(made)
        return trial

    return register


def exercise(step: str) -> Callable[[Trial], Trial]:
    """Register a function as the check of a step's exercise."""

    def register(trial: Trial) -> Trial:
        _exercises[step] = Promise(_sentence(trial), trial, step, step)
        return trial

    return register


def promises_of(step: str) -> list[Promise]:
    """Return the promises that the step with this number keeps, in the order of the class.

    Within a step: first the events, then the pages, as the notebooks go (A from Python, B the page).
    """
    return [each for each in all_promises() if each.kept_by(step)]


def all_promises() -> list[Promise]:
    return sorted(_promises, key=lambda each: (each.since, each.trial.__module__))


def exercise_of(step: str) -> Promise:
    return _exercises[step]


def _sentence(trial: Trial) -> str:
    if not trial.__doc__:
        raise TypeError(f"{trial.__name__} needs a docstring: it is the sentence shown.")
    return trial.__doc__.splitlines()[0]
