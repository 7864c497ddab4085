"""The first hint: which line of a learner's chat breaks a promise, or where something is missing."""

from dataclasses import replace

from workshop import changes, paths
from workshop.changes import Hunk
from workshop.second_hint import gives_away, suspects
from workshop.verdict import Verdict

LONG_CODE = 60  # characters that a hint shows of a line
LOOK = "Look at {} of {}: `{}`."
CAUSE = "The error occurs in {}, but its cause is in {}. "
MISSING = "Something is missing below line {} of {}: `{}`."
MISSING_FIRST = "Something is missing at the top of {}."


def naming_the_line(verdict: Verdict, found: list[Hunk]) -> Verdict:
    """Let a verdict name the line that breaks the promise, or the line below which one is missing.

    About an exercise, it names only a line that the learner has written.
    """
    fault = next((hunk for hunk in found if any(map(str.strip, hunk.removed))), None)
    missing = found[0] if found and not fault else None
    if fault:
        code = next(line.strip() for line in fault.removed if line.strip())
        place = LOOK.format(_numbers(fault), fault.file, _shortened(code))
    elif missing and (paths.my_chat() / missing.file).is_file():
        above, text = _line_above(missing)
        place = MISSING_FIRST.format(missing.file)
        if verdict.is_exercise or gives_away(verdict.step, found):
            place = ""
        elif above:
            place = MISSING.format(above, missing.file, _shortened(text))
    else:
        return verdict
    file, report = (fault or found[0]).file, verdict.report
    # If the verdict's hint is about another file, it would mislead the learner.
    hint = f"{place} {verdict.hint}".strip() if file == verdict.about or not place else place
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
