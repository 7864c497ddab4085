"""The text of a message: check it, and format it with the mentions of the room's members.

This is done before the transaction that stores the message, because nobody else can write during it.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from final_app.chat import formatting, slices
from final_app.errors import Invalid
from final_app.storage.models import Membership, User, table
from final_app.storage.statements import Statement, json_each
from final_app.storage.transaction import execute

LENGTH = 4000  # characters
LONG = 500  # characters; formatting a longer text can take so long that others have to get a turn

_users, _members = table(User), table(Membership)
_names = json_each(bindparam("names")).table_valued("value")
_MEMBERS = Statement(
    select(_users.c.id.label("user_id"), _users.c.username)
    .join_from(_users, _members, _members.c.user_id == _users.c.id)
    .where(_members.c.room_id == bindparam("room"))
    .where(_users.c.username.in_(select(_names.c.value)))
)


class Text(NamedTuple):
    """A text that can be stored. Each of the `mentions` has `user_id` and `username`."""

    typed: str
    html: str
    mentions: Sequence[Any]


def prepared(room_id: int, typed: str) -> Text:
    """Check and format a text for a room. Raises Invalid. The text may be empty."""
    text = _checked(typed)
    if len(text) <= LONG:
        return _formatted(room_id, text)
    with slices.one():
        return _formatted(room_id, text)


def _checked(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if len(text) > LENGTH:
        raise Invalid(
            f"A message can have at most {LENGTH} characters; this one has {len(text)}.",
            field="text",
        )
    if "\x00" in text:
        raise Invalid("A message can't contain the NUL character.", field="text")
    return text


def _formatted(room_id: int, text: str) -> Text:
    """Format a text in which the members of the room can be mentioned with @."""
    names = formatting.mentioned(text)
    members = execute(_MEMBERS, room=room_id, names=json.dumps(list(names))) if names else []
    html, mentions = formatting.render(text, [each.username for each in members])
    return Text(text, html, [each for each in members if each.username in mentions])
