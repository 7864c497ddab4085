"""What each step promises, as sentences that can be checked on any running stage.

The same promises are the tests of the steps (`tests/contract`) and the checker of a learner's own
folder (`workshop.checker`). A promise is a function of a running stage; its docstring is the sentence;
it raises Broken with what was expected, what was seen, and a hint that names the likely cause.
"""

from workshop.contract import (
    accounts,
    events,
    exercises,
    exercises_accounts,
    exercises_files,
    exercises_messages,
    exercises_rooms,
    files,
    files_access,
    history,
    history_page,
    log_ins,
    markup,
    messages,
    pages,
    parts,
    rooms,
    rooms_page,
    rooms_presence,
    scripts,
    scripts_later,
    templates,
    tour,
)
from workshop.contract.overview import table
from workshop.contract.promise import (
    Broken,
    NotAttempted,
    Promise,
    all_promises,
    exercise_of,
    promises_of,
)

__all__ = [
    "Broken",
    "NotAttempted",
    "Promise",
    "accounts",
    "all_promises",
    "events",
    "exercise_of",
    "exercises",
    "exercises_accounts",
    "exercises_files",
    "exercises_messages",
    "exercises_rooms",
    "files",
    "files_access",
    "history",
    "history_page",
    "log_ins",
    "markup",
    "messages",
    "pages",
    "parts",
    "promises_of",
    "rooms",
    "rooms_page",
    "rooms_presence",
    "scripts",
    "scripts_later",
    "table",
    "templates",
    "tour",
]
