"""Check the learner's own chat, and report the first thing that does not work and what to try."""

import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import requests
from socketio.exceptions import SocketIOError

from workshop import changes, manifest, paths
from workshop.bisection import FEW, MANY, lines_at_fault
from workshop.changes import Hunk
from workshop.checks import (
    Broken,
    NotAttempted,
    Promise,
    attack,
    exercise_of,
    order,
    promises_of,
    speed,
    tour,
)
from workshop.checks.console import LOG_SAYS, UNKNOWN, complete, diagnose, from_log, last_error
from workshop.checks.families import checked_for
from workshop.checks.near_misses import instead_of, unsaved
from workshop.checks.patience import hurried
from workshop.checks.promise import APP, CannotRun, Trial
from workshop.checks.visitors import alive
from workshop.database_server import NoPostgres, postgres
from workshop.first_hint import error_is_in_a_changed_file, naming_the_line
from workshop.groups import processes, stop
from workshop.progress import watched
from workshop.second_hint import (
    has_begun,
    is_close,
    removes_a_solution,
    second_hint,
    suspects,
)
from workshop.stages import Stage, StageFailed, locate, stage
from workshop.teaching import sharing
from workshop.verdict import BROKEN, KEPT, OPEN, Verdict

MOST_SEEN, WORD = 500, 40  # characters that a card shows of what was seen, and of one word in it
SAYS_NOTHING = (
    "Python has to run app.py to the end. Does the file end the program (`sys.exit`), wait for somebody "
    "(`input`), or repeat something forever (`while True`)? Or does one of your files have the name of "
    "a library, such as flask.py?"
)
SOON = 0.7  # seconds; if the chat works, even most slow machines need less
LONG_WORD = re.compile(r"\w{80,}")


@dataclass(frozen=True)
class LabChecks:
    """What `check` tests in a lab. `folder` is the learner's copy, which the call `bring` creates."""

    folder: str
    what: str
    bring: str
    command: str
    trials: list[Trial]
    processes: int = 1  # if more, they share a database in PostgreSQL


LABS = {
    "17": LabChecks(
        "mine/final_app", "Your copy of the application", 'bring("final_app")',
        "`python -m final_app`", tour.CHECKS,
    ),
    "18": LabChecks(
        "mine/speed", "Your copy of the broadcast", 'bring("18_speed")',
        "the chat with your fanout.py", speed.CHECKS,
    ),
    "19": LabChecks(
        "mine/attack", "Your chat with holes", 'bring("19_attack")', "`flask run`", attack.CHECKS,
    ),
    "20": LabChecks(
        "mine/processes", "Your chat for several processes", 'bring("20_processes")', "`flask run`",
        order.CHECKS, processes=2,
    ),
}  # fmt: skip


def check(which: str, hint: int = 1) -> Verdict:
    """Test the promises up to a step on the learner's chat, and then that step's exercise.

    With `hint=2`, the verdict also shows the lines that break the promise, next to the step's lines, but
    never the lines of a solution. For a lab, this function tests the exercise on the learner's copy: the
    topic in mine/final_app, the broadcast in mine/speed, the holes in mine/attack, or the announcements
    in mine/processes. Raises LookupError for an unknown step.
    """
    verdict = _checked(which, hint)
    sharing.report(verdict)  # only if the learner has called share_progress
    return verdict


def _checked(which: str, hint: int) -> Verdict:
    step = manifest.lesson(which)
    if isinstance(step, manifest.Lab):
        return check_lab(step)
    if not (paths.my_chat() / "app.py").is_file():
        return _no_chat_yet(step.number)
    verdict = _tried(step.number)
    _note(verdict, step)
    if verdict.state == KEPT:
        return verdict
    empty = unsaved(paths.my_chat(), changes.lesson_files(step.folder))
    if empty:
        verdict = replace(verdict, about=empty[0], hint=empty[1])
    found = [] if empty else _at_fault(verdict, hint)
    if not error_is_in_a_changed_file(verdict):
        verdict = naming_the_line(verdict, found)
    if hint == 1:
        return replace(verdict, can_say_more=True)
    return replace(verdict, second=second_hint(verdict, found))


def _at_fault(verdict: Verdict, hint: int) -> list[Hunk]:
    """Return the lines that break the promise, or an empty list if it is unknown or takes too long."""
    if verdict.is_exercise and not has_begun(verdict):
        return []  # the lines of our solution do not fit the learner's
    is_unclear = verdict.state == BROKEN and not error_is_in_a_changed_file(verdict)
    if hint == 1 and not (is_unclear and is_close(verdict)):
        return []
    holds, tries = partial(_keeps, verdict), MANY if hint > 1 else FEW
    found = lines_at_fault(paths.my_chat(), suspects(verdict), holds, tries)
    if removes_a_solution(verdict.step, found):
        others = suspects(verdict, keep_own=True)
        found = lines_at_fault(paths.my_chat(), others, holds, tries) or found
    return found


def _no_chat_yet(number: str) -> Verdict:
    return Verdict(
        number, OPEN, 0, len(_promises(number)), "Your chat begins with mine/chat/app.py.",
        "a file app.py in mine/chat", "no such file",
        instead_of(paths.my_chat(), "app.py")
        or "Notebook 01 tells you what to type; `python3 start.py catch-up 01` copies it.",
    )  # fmt: skip


def _tried(number: str) -> Verdict:
    """Start the learner's chat, test the promises up to a step, and stop the chat again."""
    promises = _promises(number)
    try:
        chat = stage("mine", signed=False)
    except StageFailed as failure:
        return _does_not_start(failure.log, number, len(promises), "`flask run`")
    try:
        return examine(chat, number, promises)
    finally:
        chat.stop()  # otherwise, each check would leave a server running


def _promises(number: str) -> list[Promise]:
    """Return the promises up to a step, and then its exercise."""
    return [*promises_of(number), exercise_of(number)]


def _does_not_start(log: str, number: str, total: int, command: str) -> Verdict:
    return Verdict(
        number, BROKEN, 0, total, "The application starts.", f"{command} announces its address",
        last_error(log), diagnose(log) if log.strip() else SAYS_NOTHING, from_log(log),
    )  # fmt: skip


def _keeps(verdict: Verdict, folder: Path) -> bool:
    """Return whether the chat in this folder keeps the promise that a verdict calls broken."""
    promises = _promises(verdict.step)
    # A verdict can name a promise other than the one that was tested, whose own test may pass because it
    # does less. So both have to hold.
    tested = promises[verdict.kept + len(verdict.untried)]
    named = [each for each in promises if each.sentence == verdict.sentence and each != tested]
    chat = Stage("mine", folder, sign="")
    try:
        chat.start()
        with hurried(SOON), checked_for(verdict.step), alive(chat):
            return all(outcome(chat, each) is None for each in [*named, tested])
    except StageFailed:
        return False
    finally:
        chat.stop()


def check_lab(lab: manifest.Step) -> Verdict:
    """Run the checks of a lab on the learner's copy. Stop at the first thing that is missing."""
    checks = LABS[lab.number]
    trials = [Promise(tour.sentence(each), each, lab.number, file="") for each in checks.trials]
    try:
        locate(checks.folder)
    except LookupError:
        return Verdict(
            lab.number, OPEN, 0, len(trials), f"{checks.what} is {checks.folder}.",
            f"a folder {checks.folder}", "no such folder", f"Run `{checks.bring}`.",
        )  # fmt: skip
    try:
        chats = _started(checks)
    except NoPostgres as missing:
        return Verdict(
            lab.number, OPEN, 0, len(trials), "This machine has PostgreSQL.",
            "the program initdb", "no such program", str(missing),
        )  # fmt: skip
    except StageFailed as failure:
        return _does_not_start(failure.log, lab.number, len(trials), checks.command)
    try:
        verdict = examine(chats[0], lab.number, trials)
    finally:
        stop(chats)
    _note(verdict, lab)
    return verdict


def _started(checks: LabChecks) -> list[Stage]:
    """Start the learner's copy, as one process or as several."""
    if checks.processes == 1:
        return [stage(checks.folder, signed=False)]
    return processes(checks.folder, checks.processes, postgres(), signed=False)


def examine(chat: Stage, number: str, promises: list[Promise]) -> Verdict:
    """Test promises one by one on a running stage, and stop at the first broken one.

    The verdict names the promises that this machine cannot test.
    """
    total, untried, why = len(promises), [], ""
    with checked_for(number), alive(chat):
        for tried, each in enumerate(watched(promises, "promises")):
            try:
                broken = outcome(chat, each)
            except CannotRun as reason:
                untried.append(each.sentence)
                why = str(reason)
                continue
            if broken:
                state = OPEN if isinstance(broken, NotAttempted) else BROKEN
                return Verdict(
                    number, state, tried - len(untried), total, broken.sentence or each.sentence,
                    broken.expected, brief(broken.seen), broken.hint, broken.report,
                    _where(broken, each, number),
                    tuple(untried), why,
                )  # fmt: skip
    kept = total - len(untried)
    return Verdict(number, KEPT, kept, total, untried=tuple(untried), why_untried=why)


def _where(broken: Broken, each: Promise, number: str) -> str:
    """Return the file to look at. In the first steps, every page is in app.py."""
    about, folders = broken.about or each.file, (manifest.lesson(number).folder, paths.my_chat())
    there = "/" not in about or any((folder / about).is_file() for folder in folders)
    return about if there else APP


def brief(seen: str) -> str:
    """Leave out the middle of a text that is too long for a card."""
    seen = LONG_WORD.sub(lambda word: f"{word[0][:WORD]}…", seen)
    half = MOST_SEEN // 2
    return seen if len(seen) <= MOST_SEEN else f"{seen[:half]} … {seen[-half:]}"


def outcome(chat: Stage, each: Promise) -> Broken | None:
    """Test a promise. Return a Broken that describes the problem, or None if the promise holds.

    A server that has stopped also breaks a promise.
    """
    before = chat.log
    try:
        each.trial(chat)
    except Broken as broken:
        return explained(broken, complete(lambda: chat.log.removeprefix(before)))
    except (requests.RequestException, SocketIOError, OSError) as error:
        return Broken(
            expected="The server keeps running and answers.",
            seen=f"{type(error).__name__}; the server's log ends with: {last_error(chat.log)}",
            hint=diagnose(chat.log),
            report=from_log(chat.log),
        )
    return None


def explained(broken: Broken, log: str) -> Broken:
    """Add the error that the server printed during the test, because a client cannot see the cause."""
    report = from_log(log) if "Traceback" in log else None
    if not report or broken.report:
        return broken
    broken.report = report
    if LOG_SAYS not in broken.seen:
        broken.seen = broken.seen.rstrip(".") + LOG_SAYS + last_error(log)
        # What is not there yet can be the cause: the hint about it is better than none.
        broken.hint = report.meaning or (
            broken.hint if isinstance(broken, NotAttempted) else UNKNOWN
        )
    return broken


def solved() -> set[str]:
    """Return the names of the steps whose checks this learner's chat has passed."""
    try:
        known = json.loads(_memory().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = []
    return {name for name in known if isinstance(name, str)} if isinstance(known, list) else set()


def _note(verdict: Verdict, step: manifest.Step) -> None:
    if verdict.state == KEPT and not verdict.untried:
        _remember(step.name)


def _remember(name: str) -> None:
    with suppress(OSError):  # the verdict matters more
        paths.store(_memory(), json.dumps(sorted(solved() | {name})))


def _memory() -> Path:
    return paths.mine() / "progress.json"
