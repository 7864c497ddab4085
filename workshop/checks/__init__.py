"""The promises of each step: sentences that the checker can test on any running stage.

The tests of the steps (`tests/contract`) and the checker of a learner's own folder
(`workshop.checker`) use the same promises. A promise is a function that takes a running stage, and
its docstring is the sentence. If the promise does not hold, the function raises Broken, which
contains what was expected, what was seen, and a hint about the likely cause.
"""

from importlib import import_module

from workshop.checks.overview import table
from workshop.checks.promise import (
    MODULES,
    Broken,
    CannotRun,
    NotAttempted,
    Promise,
    all_promises,
    exercise_of,
    promises_of,
)

for _name in MODULES:
    import_module(f"{__name__}.{_name}")

__all__ = [
    "Broken",
    "CannotRun",
    "NotAttempted",
    "Promise",
    "all_promises",
    "exercise_of",
    "promises_of",
    "table",
]
