"""Check the learner's own chat and say one thing: what does not hold yet, and what to try."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import requests
from socketio.exceptions import SocketIOError

from workshop import manifest, paths
from workshop.contract import Broken, NotAttempted, Promise, exercise_of, promises_of, tour
from workshop.contract.diagnosis import LOG_SAYS, UNKNOWN, diagnose, last_error
from workshop.contract.families import checked_for
from workshop.progress import watched
from workshop.stages import Stage, StageFailed, stage
from workshop.views import with_code

KEPT, OPEN, BROKEN = "kept", "open", "broken"
LATER = "11"  # the labs begin here
MOST_SEEN, WORD = 500, 40  # characters of what was seen that a card shows, and of one word in it
LONG_WORD = re.compile(r"\w{80,}")


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check. `state` is "kept", "open" (not attempted yet) or "broken"."""

    step: str
    state: str
    kept: int  # promises that were tried and hold, of `total`
    total: int
    sentence: str = ""
    expected: str = ""
    seen: str = ""
    hint: str = ""

    @property
    def headline(self) -> str:
        if self.state == KEPT:
            script = "chat.js" if self.step < LATER else "rail.js"
            unseen = (
                f" {script} was read, not run: try it in the page." if self.step >= "04" else ""
            )
            return f"Step {self.step}: all {self.total} promises are kept. Well done.{unseen}"
        if self.state == OPEN:
            kept = f"{self.kept} of {self.total} promises are kept"
            return f"Step {self.step}: {kept}. Not attempted yet: {self.sentence}"
        which = f"promise {self.kept + 1} of {self.total}"  # what comes after it was not tried
        return f"Step {self.step}: {which} is not kept: {self.sentence}"

    def __str__(self) -> str:
        if self.state == KEPT:
            return self.headline
        return (
            f"{self.headline}\n  Expected: {self.expected}\n  Seen:     {self.seen}\n"
            f"  Hint:     {self.hint}"
        )

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        colour = {KEPT: "46,160,67", OPEN: "120,130,150", BROKEN: "218,54,51"}[self.state]
        rows = [("Expected", self.expected), ("Seen", self.seen), ("Hint", self.hint)]
        body = "".join(f"<div><b>{k}</b> {with_code(v)}</div>" for k, v in rows if v)
        markup = (
            f'<div style="border-left: 4px solid rgb({colour}); padding: .4em .9em; '
            f'background: rgba({colour},.12)"><div>{with_code(self.headline)}</div>{body}</div>'
        )
        return {"text/plain": str(self), "text/html": markup}


def check(which: str) -> Verdict:
    """Try the promises up to a step on the learner's chat, then that step's exercise.

    For lab 11 it tries the topic on the learner's copy of final_app. Raises LookupError for an unknown
    step.
    """
    if manifest.is_lab(which):
        return check_topic(manifest.lesson(which))
    step = manifest.step(which)
    promises = promises_of(step.number)
    total = len(promises) + 1
    if not (paths.my_chat() / "app.py").is_file():
        return Verdict(
            step.number, OPEN, 0, total, "Your chat begins with mine/chat/app.py.",
            "a file app.py in mine/chat", "no such file",
            "Notebook 01 tells what to type; `python3 start.py catch-up 01` copies it.",
        )  # fmt: skip
    try:
        chat = stage("mine", signed=False)
    except StageFailed as failure:
        return Verdict(
            step.number, BROKEN, 0, total, "The application starts.",
            "`flask run` announces its address", last_error(failure.log), diagnose(failure.log),
        )  # fmt: skip
    try:
        verdict = examine(chat, step.number, promises)
    finally:
        chat.stop()  # each check begins anew: a day of them would leave a dozen servers
    if verdict.state == KEPT:
        _remember(step.name)
    return verdict


def check_topic(lab: manifest.Step) -> Verdict:
    """Go through the layers of mine/final_app; stop at the first thing that is missing."""
    trials = [Promise(tour.sentence(each), each, LATER, LATER) for each in tour.CHECKS]
    if not paths.my_final_app().is_dir():
        return Verdict(
            lab.number, OPEN, 0, len(trials), "Your copy of the application is mine/final_app.",
            "a folder mine/final_app", "no such folder", 'Run `bring("final_app")`.',
        )  # fmt: skip
    try:
        chat = stage("mine/final_app", signed=False)
    except StageFailed as failure:
        return Verdict(
            lab.number, BROKEN, 0, len(trials), "The application starts.",
            "`python -m final_app` announces its address", last_error(failure.log),
            diagnose(failure.log),
        )  # fmt: skip
    try:
        for kept, each in enumerate(watched(trials, "promises")):
            broken = outcome(chat, each)
            if broken:
                state = OPEN if isinstance(broken, NotAttempted) else BROKEN
                return Verdict(
                    lab.number, state, kept, len(trials), each.sentence,
                    broken.expected, brief(broken.seen), broken.hint,
                )  # fmt: skip
    finally:
        chat.stop()
    _remember(lab.name)
    return Verdict(lab.number, KEPT, len(trials), len(trials))


def examine(chat: Stage, number: str, promises: list[Promise]) -> Verdict:
    """Try promises one by one on a running stage, the exercise last; stop at the first broken."""
    total = len(promises) + 1
    with checked_for(number):
        for kept, each in enumerate(watched([*promises, exercise_of(number)], "promises")):
            broken = outcome(chat, each)
            if broken and each.withdrawn_by == number:
                each, broken = _instead(chat, each, broken)
            if broken and not (each.extra and isinstance(broken, NotAttempted)):
                state = OPEN if isinstance(broken, NotAttempted) else BROKEN
                return Verdict(
                    number, state, kept, total, broken.sentence or each.sentence,
                    broken.expected, brief(broken.seen), broken.hint,
                )  # fmt: skip
    return Verdict(number, KEPT, total, total)


def _instead(chat: Stage, each: Promise, broken: Broken) -> tuple[Promise, Broken | None]:
    """An exercise, once attempted, takes some promises back: what counts is then the exercise."""
    attempt = exercise_of(each.withdrawn_by)
    attempted = outcome(chat, attempt)
    return (each, broken) if isinstance(attempted, NotAttempted) else (attempt, attempted)


def brief(seen: str) -> str:
    """Leave out the middle of what is too long to be read in a card."""
    seen = LONG_WORD.sub(lambda word: f"{word[0][:WORD]}…", seen)
    half = MOST_SEEN // 2
    return seen if len(seen) <= MOST_SEEN else f"{seen[:half]} … {seen[-half:]}"


def outcome(chat: Stage, each: Promise) -> Broken | None:
    """Try a promise; return what does not hold, or None. A server that went away is an outcome, too."""
    before = chat.log
    try:
        each.trial(chat)
    except Broken as broken:
        return explained(broken, chat.log.removeprefix(before))
    except requests.exceptions.ChunkedEncodingError:
        return Broken(
            expected="An answer comes whole, with all the bytes that it has promised.",
            seen=f"it breaks off; the server's log ends with: {last_error(chat.log)}",
            hint="A file is sent from where it is read at: after writing into it, that is its end. "
            "`file.seek(0)` before it is sent.",
        )
    except (requests.RequestException, SocketIOError, OSError) as error:
        return Broken(
            expected="The server stays up and answers.",
            seen=f"{type(error).__name__}; the server's log ends with: {last_error(chat.log)}",
            hint=diagnose(chat.log),
        )
    return None


def explained(broken: Broken, log: str) -> Broken:
    """Add the error that the server printed meanwhile: from outside, its cause cannot be seen."""
    if "Traceback" in log and LOG_SAYS not in broken.seen:
        broken.seen += LOG_SAYS + last_error(log)
        broken.hint = broken.hint if diagnose(log) == UNKNOWN else diagnose(log)
    return broken


def solved() -> set[str]:
    """Return the names of the steps whose check has passed on this learner's chat."""
    try:
        return set(json.loads(_memory().read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return set()


def _remember(name: str) -> None:
    _memory().write_text(json.dumps(sorted(solved() | {name})), encoding="utf-8")


def _memory() -> Path:
    return paths.mine() / "progress.json"
