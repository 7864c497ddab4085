"""What each step promises, as sentences that can be checked on any running stage.

The same promises are the tests of the steps (`tests/contract`) and the checker of a learner's own
folder (`workshop.checker`). A promise is a function of a running stage; its docstring is the sentence;
it raises Broken with what was expected, what was seen, and a hint that names the likely cause.
"""

from workshop.contract import events, exercises, pages, scripts
from workshop.contract.promise import (
    Broken,
    NotAttempted,
    Promise,
    exercise_of,
    promises_of,
)

__all__ = [
    "Broken",
    "NotAttempted",
    "Promise",
    "events",
    "exercise_of",
    "exercises",
    "pages",
    "promises_of",
    "scripts",
]
