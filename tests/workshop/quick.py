"""Check only what one step adds, because the complete check of a late step takes long."""

from workshop import manifest
from workshop.checker import check, examine
from workshop.checks import exercise_of, promises_of
from workshop.stages import stage
from workshop.verdict import Verdict

# From here on, each login takes time; `-m long` has the whole checks.
SLOW = manifest.step_about("accounts").number
LATER = manifest.step_about("refusals").number


def quick_check(number: str) -> Verdict:
    """Check the learner's chat: completely in the tutorial's steps, later only what the step adds."""
    if number < LATER:
        return check(number)
    own = [each for each in promises_of(number) if each.since == number]
    return examine(stage("mine", signed=False), number, [*own, exercise_of(number)])


def check_exercise(number: str) -> Verdict:
    """Check only the exercise of a step, and do not search for the line at fault."""
    return examine(stage("mine", signed=False), number, [exercise_of(number)])
