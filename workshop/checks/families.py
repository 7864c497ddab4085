"""Which speaker a stage wants: known by its name, a learner's by the step it is checked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from workshop import manifest
from workshop.browser import asks_for_a_password
from workshop.checks.promise import Broken
from workshop.checks.speakers import Family, FinalApp, fresh_name
from workshop.stages import Stage

_checked: ContextVar[str] = ContextVar("the step that a learner's chat is checked for")
_locked: dict[str, bool] = {}  # by the stage's token: does its front page ask for a password?
_known: dict[str, str] = {}  # by the stage's token: a name that has an account


def family_of(chat: Stage) -> Family:
    """Return how one speaks with a stage: known by its name, a learner's by the step it is checked for.

    A learner's chat that has no accounts yet is entered without: then the promise that breaks is
    that of the accounts, and not the first one that needs somebody in the room.
    """
    if chat.is_final_app:
        return FinalApp(chat, accounts=True, rooms=True)
    accounts = has_come_to(chat, "accounts") and _has_a_lock(chat)
    rooms = accounts and has_come_to(chat, "rooms")
    return Family(chat, not has_come_to(chat, "messages"), accounts, rooms)


def account_of(chat: Stage) -> Family:
    """Return the family of a stage with accounts. Raises Broken when it has none yet."""
    family = family_of(chat)
    if family.accounts:
        return family
    raise Broken("The front page asks for a name and a password.", "`/` has no password field",
                 "From step 08 on, index.html has two forms: one to register and one "
                 "to log in.")  # fmt: skip


def make_room(chat: Stage, owner: str) -> int:
    """Let somebody make a new room; return its number."""
    return account_of(chat).make_room(owner)


def has_come_to(chat: Stage, subject: str) -> bool:
    """Tell whether a step comes at or after the one about this subject.

    A learner's chat is as far as the step that it is checked for.
    """
    number = chat.name[:2] if chat.name[:2].isdigit() else _checked.get("99")
    return number >= manifest.step_about(subject).number


@contextmanager
def checked_for(step: str) -> Iterator[None]:
    """While this lasts, a learner's chat is spoken to as this step is."""
    before = _checked.set(step)
    try:
        yield
    finally:
        _checked.reset(before)


def known_name(chat: Stage) -> str:
    """Return the name of somebody who has an account, and nobody else's: passwords take their time."""
    if chat.token not in _known:
        name = fresh_name()
        account_of(chat).new_browser(name)
        _known[chat.token] = name
    return _known[chat.token]


def _has_a_lock(chat: Stage) -> bool:
    if chat.token not in _locked:
        _locked[chat.token] = asks_for_a_password(chat)
    return _locked[chat.token]
