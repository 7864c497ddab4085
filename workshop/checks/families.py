"""Find the family of a stage, from its name or from the step that a learner's chat is checked for."""

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
    """Return the family of a stage, which describes how people communicate with it.

    If a learner's chat has no accounts yet, people enter it without one. Otherwise, the first promise
    that needs a person would break, and not the promise about accounts.
    """
    if chat.is_final_app:
        return FinalApp(chat, accounts=True, sockets_need_login=True, rooms=True)
    accounts = has_come_to(chat, "accounts") and _has_a_lock(chat)
    sessions, rooms = (accounts and has_come_to(chat, each) for each in ("sessions", "rooms"))
    signed = not has_come_to(chat, "history")  # the step about authors ignores the name
    return Family(chat, signed, accounts, sessions, rooms)


def account_of(chat: Stage) -> Family:
    """Return the family of a stage with accounts. Raises Broken if it has no accounts yet."""
    family = family_of(chat)
    if family.accounts:
        return family
    raise Broken("The front page asks for a name and a password.", "`/` has no password field",
                 "index.html needs a form to register and to log in.")  # fmt: skip


def make_room(chat: Stage, owner: str) -> int:
    """Create a new room as this person, and return its number."""
    return account_of(chat).make_room(owner)


def has_come_to(chat: Stage, subject: str) -> bool:
    """Return whether a stage is the step about this subject or a later one.

    For a learner's chat, this function uses the step that the chat is checked for.
    """
    number = chat.name[:2] if chat.name[:2].isdigit() else _checked.get("99")
    return number >= manifest.step_about(subject).number


@contextmanager
def checked_for(step: str) -> Iterator[None]:
    """Within this block, treat a learner's chat as if it were this step."""
    before = _checked.set(step)
    try:
        yield
    finally:
        _checked.reset(before)


def known_name(chat: Stage) -> str:
    """Return the name of a person who has an account.

    It is always the same person, because hashing is slow.
    """
    if chat.token not in _known:
        name = fresh_name()
        account_of(chat).new_browser(name)
        _known[chat.token] = name
    return _known[chat.token]


def _has_a_lock(chat: Stage) -> bool:
    if chat.token not in _locked:
        _locked[chat.token] = asks_for_a_password(chat)
    return _locked[chat.token]
