"""Which adapter speaks with a stage: known by its name, a learner's by the step it is checked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from workshop.browser import asks_for_a_password
from workshop.contract.speakers import Account, Message, NameInConnection, NameInMessage
from workshop.contract.speakers_in_rooms import Finished, Room
from workshop.stages import Stage

__all__ = ["Account", "Message", "Room", "checked_for", "family_of"]

_checked: ContextVar[str] = ContextVar("the step that a learner's chat is checked for")
_locked: dict[str, bool] = {}  # by the stage's token: does its front page ask for a password?


def family_of(chat: Stage) -> NameInMessage:
    """Return how one speaks with a stage: known by its name, a learner's by the step it is checked for.

    A learner's chat that has no accounts yet is entered without: then the promise that breaks is
    that of the accounts, and not the first one that needs somebody in the room.
    """
    if chat.is_final_app:
        return Finished()
    number = number_of(chat)
    if number <= "05":
        return NameInMessage()
    if number <= "07" or not _has_a_lock(chat):
        return NameInConnection()
    return Account() if number == "08" else Room()


def number_of(chat: Stage) -> str:
    """Return the number of a step, or of the step that somebody's own chat is checked for."""
    return chat.name[:2] if chat.name[:2].isdigit() else _checked.get("99")


def _has_a_lock(chat: Stage) -> bool:
    if chat.token not in _locked:
        _locked[chat.token] = asks_for_a_password(chat)
    return _locked[chat.token]


@contextmanager
def checked_for(step: str) -> Iterator[None]:
    """While this lasts, a learner's chat is spoken to as this step is."""
    before = _checked.set(step)
    try:
        yield
    finally:
        _checked.reset(before)
