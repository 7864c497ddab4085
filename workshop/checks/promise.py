"""A promise: a sentence, the step from which it holds, and the code that tests it."""

from collections.abc import Callable
from dataclasses import dataclass

from workshop import manifest
from workshop.checks.console import Report
from workshop.stages import Stage

# The modules that contain promises. Within a step, the promises are tested in this order: first the
# events, then the page. The notebooks use the same order (part A in Python, part B on the page).
MODULES = (
    "markup", "pages", "events", "parts", "messages", "author", "history", "older", "catching_up",
    "accounts", "sessions", "rooms", "presence", "files", "downloads", "stories",
)  # fmt: skip

APP = "app.py"  # the file to look at, unless a promise names another one

Trial = Callable[[Stage], None]


class Broken(AssertionError):
    """A promise does not hold. The parts of this exception are sentences for a learner.

    If the test of one promise shows that another promise is broken, `sentence` is the sentence of the
    other promise. `report` is the error that caused the problem. If there was no error, `about` can
    name the file to look at, such as "static/chat.js", in place of the promise's own file.
    """

    def __init__(
        self, expected: str, seen: str, hint: str, sentence: str = "",
        report: Report | None = None, about: str = "",
    ) -> None:  # fmt: skip
        self.expected = expected
        self.seen = seen
        self.hint = hint
        self.sentence = sentence
        self.report = report
        self.about = about
        super().__init__(f"\nExpected: {expected}\nSeen: {seen}\nHint: {hint}")


class NotAttempted(Broken):
    """The learner has not started the exercise yet. This is not a mistake."""


class CannotRun(Exception):
    """This machine cannot test a promise. The message is a sentence that gives the reason."""


def expect(holds: object, expected: str, seen: object, hint: str, about: str = "") -> None:
    """Raise Broken unless the condition is true."""
    if not holds:
        raise Broken(expected, str(seen), hint, about=about)


def attempted(done: object, expected: str, seen: object, hint: str) -> None:
    """Raise NotAttempted unless the learner has started the exercise."""
    if not done:
        raise NotAttempted(expected, str(seen), hint)


@dataclass(frozen=True)
class Promise:
    """A promise: its sentence, the code that tests it, and the steps that keep it.

    `since` and `until` are the numbers of the first and the last of these steps. If `until` is empty,
    all later steps keep the promise. If `final_app` is true, the finished application keeps it, too.
    `file` is the file or folder to look at if the error does not name one.
    """

    sentence: str
    trial: Trial
    since: str
    until: str = ""
    final_app: bool = False
    file: str = APP

    def __str__(self) -> str:
        return self.sentence

    def kept_by(self, step: str) -> bool:
        return self.since <= step <= (self.until or step)


_promises: list[Promise] = []
_exercises: dict[str, Promise] = {}


def promise(
    *, since: str, until: str = "", final_app: bool = False, file: str = APP
) -> Callable[[Trial], Trial]:
    """Register a function as a promise of the steps from `since` to `until`, such as "history".

    `file` is the file in which a learner fulfills the promise, such as "static/chat.js".
    """

    def register(trial: Trial) -> Trial:
        first, last = (each and _number_of(each) for each in (since, until))
        _promises.append(Promise(_sentence(trial), trial, first, last, final_app, file))
        return trial

    return register


def exercise(step: str, file: str = APP) -> Callable[[Trial], Trial]:
    """Register a function as the check of the exercise of a step, such as "history".

    `file` is the file in which most of the exercise is done, such as "static/chat.js".
    """

    def register(trial: Trial) -> Trial:
        number = _number_of(step)
        _exercises[number] = Promise(_sentence(trial), trial, number, number, file=file)
        return trial

    return register


def promises_of(step: str) -> list[Promise]:
    """Return the promises that the step with this number keeps, in the order of the steps."""
    return [each for each in all_promises() if each.kept_by(step)]


def all_promises() -> list[Promise]:
    """Return all promises by step, and within a step by module, in the order of MODULES."""

    def place(each: Promise) -> tuple[str, int]:
        return each.since, MODULES.index(each.trial.__module__.removeprefix(f"{__package__}."))

    return sorted(_promises, key=place)


def exercise_of(step: str) -> Promise:
    return _exercises[step]


def _number_of(name: str) -> str:
    """Return the number of the step called "history". Raises LookupError if there is none."""
    return manifest.step_about(name).number


def _sentence(trial: Trial) -> str:
    if not trial.__doc__:
        raise RuntimeError(
            f"{trial.__name__} needs a docstring, which is the promise's sentence.\nWhat to do: if the "
            "variable PYTHONOPTIMIZE is set, remove it, because it removes all docstrings."
        )
    return trial.__doc__.splitlines()[0]
