"""The family of a stage: its name decides, or for a learner's chat, the step it is checked for."""

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
    """Return how people speak with this stage.

    If a learner's chat has no accounts yet, people enter it without one. Then the promise about
    accounts breaks, and not the first promise that needs somebody in the room.
    """
    if chat.is_final_app:
        return FinalApp(chat, accounts=True, sockets_need_login=True, rooms=True)
    accounts = has_come_to(chat, "accounts") and _has_a_lock(chat)
    sessions, rooms = (accounts and has_come_to(chat, each) for each in ("sessions", "rooms"))
    signed = not has_come_to(chat, "history")  # the step about authors ignores the name
    return Family(chat, signed, accounts, sessions, rooms)


def account_of(chat: Stage) -> Family:
    """Return the family of a stage with accounts. Raises Broken when it has none yet."""
    family = family_of(chat)
    if family.accounts:
        return family
    raise Broken("The front page asks for a name and a password.", "`/` has no password field",
                 "index.html needs a form to register and to log in.")  # fmt: skip


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
    """Within this block, speak with a learner's chat as with this step."""
    before = _checked.set(step)
    try:
        yield
    finally:
        _checked.reset(before)


def known_name(chat: Stage) -> str:
    """Return the name of one person who has an account, always the same, since hashing takes time."""
    if chat.token not in _known:
        name = fresh_name()
        account_of(chat).new_browser(name)
        _known[chat.token] = name
    return _known[chat.token]


def _has_a_lock(chat: Stage) -> bool:
    if chat.token not in _locked:
        _locked[chat.token] = asks_for_a_password(chat)
    return _locked[chat.token]
