"""The first hint: which line of a learner's chat breaks a promise, or where something is missing."""

from dataclasses import replace

from workshop import changes, paths
from workshop.changes import Hunk
from workshop.second_hint import suspects
from workshop.verdict import OPEN, Verdict

LONG_CODE = 60  # characters that a hint shows of a line
MOVE = "{} of {} {} in the wrong place: `{}`. "
MOVE_BELOW = "Move {} of {} below line {}. Line {} is `{}`, and line {} is `{}`."
MOVE_UP = "Move {} of {} to the top of the file. Line {} is `{}`."
INDENT = "Change the indentation of {} of {}: `{}`. "
LOOK = "Look at {} of {}: `{}`."
RUNS_ONE = " Is this line in the right place, and does it run?"
RUN_SOME = " Are these lines in the right place, and do they run?"
CAUSE = "The error occurs in {}, but its cause is in {}. "
MISSING = "Something is missing below line {} of {}: `{}`."
MISSING_FIRST = "Something is missing at the top of {}."


def naming_the_move(verdict: Verdict, moves: list[Hunk]) -> Verdict:
    """Let a verdict name the learner's lines that the step has in another place."""
    away = next(hunk for hunk in moves if any(map(str.strip, hunk.removed)))
    code = next(line.strip() for line in away.removed if line.strip())
    goal = next((hunk for hunk in moves if code in map(str.strip, hunk.added)), None)
    lines, short = _numbers(away), _shortened(code)
    if all(hunk.only_indents for hunk in moves):
        hint = INDENT.format(lines, away.file, short) + verdict.hint
    elif verdict.is_exercise or not goal:  # the place belongs to the solution, which is not shown
        verb = "is" if len(away.removed) == 1 else "are"
        hint = MOVE.format(lines.capitalize(), away.file, verb, short) + verdict.hint
    else:
        number = away.old_start + 1 + [line.strip() for line in away.removed].index(code)
        above, text = _line_above(goal)
        hint = MOVE_UP.format(lines, away.file, number, short)
        if above:
            hint = MOVE_BELOW.format(
                lines, away.file, above, number, short, above, _shortened(text)
            )
    return _moved_to(verdict, away.file, hint)


def naming_own_lines(verdict: Verdict, own: list[Hunk]) -> Verdict:
    """Let a verdict name the main part of the learner's solution, if possible in the verdict's file.

    If the chat behaves as if there were no solution, the hint asks whether the code runs.
    """
    main = max(own, key=lambda hunk: (hunk.file == verdict.about, len(hunk.removed)))
    code = next(line.strip() for line in main.removed if line.strip())
    place = LOOK.format(_numbers(main), main.file, _shortened(code))
    if verdict.state == OPEN:
        place += RUNS_ONE if len(main.removed) == 1 else RUN_SOME
    return _moved_to(verdict, main.file, f"{place} {verdict.hint}")


def naming_the_line(verdict: Verdict, found: list[Hunk]) -> Verdict:
    """Let a verdict name the line that breaks the promise.

    About an exercise, it names only the file, unless an error leads to another one.
    """
    fault = next((hunk for hunk in found if hunk.removed), found[0] if found else None)
    if not fault or not (paths.my_chat() / fault.file).is_file():
        return verdict
    if verdict.is_exercise and not verdict.report:
        return replace(verdict, about=fault.file)
    code = next((line.strip() for line in fault.removed if line.strip()), "")
    above, text = _line_above(fault)
    place = MISSING_FIRST.format(fault.file)
    if above:
        place = MISSING.format(above, fault.file, _shortened(text))
    if code:
        place = LOOK.format(_numbers(fault), fault.file, _shortened(code))
    # If the verdict's hint is about another file, it would mislead the learner.
    hint = f"{place} {verdict.hint}" if fault.file == verdict.about else place
    return _moved_to(verdict, fault.file, hint)


def _moved_to(verdict: Verdict, file: str, hint: str) -> Verdict:
    """Return a verdict with this file and hint. The hint says so if an error occurred elsewhere."""
    report = verdict.report
    if report and report.place and report.file != file:
        hint = CAUSE.format(report.file, file) + hint
    return replace(verdict, about=file, hint=hint)


def error_is_in_a_changed_file(verdict: Verdict) -> bool:
    """Return whether an error occurs in a file that the learner has changed: the cause can be there."""
    report = verdict.report
    return bool(
        report and report.place and any(hunk.file == report.file for hunk in suspects(verdict))
    )


def _numbers(hunk: Hunk) -> str:
    """Return which lines of the learner's file a hunk removes, such as "lines 9 and 10"."""
    first, last = hunk.old_start + 1, hunk.old_start + len(hunk.removed)
    if first == last:
        return f"line {first}"
    return f"lines {first} {'and' if last == first + 1 else 'to'} {last}"


def _line_above(hunk: Hunk) -> tuple[int, str]:
    """Return the number and the code of the line above a hunk, skipping empty ones; 0: none."""
    lines = changes.lesson_files(paths.my_chat()).get(hunk.file, "").splitlines()[: hunk.old_start]
    while lines and not lines[-1].strip():
        lines.pop()
    return len(lines), lines[-1].strip() if lines else ""


def _shortened(code: str) -> str:
    """Return the beginning of a line of code, without backticks."""
    start = code.partition("`")[0][:LONG_CODE]
    return start if start == code else f"{start}…"
