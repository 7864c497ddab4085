"""What each step promises: sentences that the checker can test on any running stage.

The same promises are the tests of the steps (`tests/contract`) and the checker of a learner's own
folder (`workshop.checker`). A promise is a function that takes a running stage. Its docstring is the
sentence. It raises Broken with what was expected, what was seen, and a hint that names the likely cause.
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
