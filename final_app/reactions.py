"""Emoji under a message: put there, and taken away."""

import unicodedata

from sqlalchemy import select

from final_app import messages
from final_app.errors import Invalid
from final_app.models import Message, Reaction, db
from final_app.store import writes

MOST_EMOJI = 20  # different ones under one message
LONGEST = 10  # code points: families and flags have many
KEYCAP = "\N{COMBINING ENCLOSING KEYCAP}"
PARTS = {
    "So",
    "Sk",
    "Cf",
    "Mn",
    "Me",
}  # pictures, skin tones, joiners, variation selectors, keycaps


@writes
def react(user_id: int, message_id: int, emoji: str, on: bool) -> tuple[messages.Snapshot, bool]:
    """Put an emoji under a message, or take it away; return it, and whether anything changed."""
    message = messages.there(user_id, message_id)
    if not is_emoji(emoji):
        raise Invalid(f"Expected one emoji; came {emoji[:LONGEST]!r}.", field="emoji")
    mine = {"message_id": message.id, "user_id": user_id, "emoji": emoji}
    known = db.session.scalar(select(Reaction).filter_by(**mine))
    if bool(known) == on:
        return messages.as_seen(message), False
    if known:
        message.reactions.remove(known)
    else:
        _check_room(message, emoji)
        message.reactions.append(Reaction(**mine))
    return messages.changed(message), True


def is_emoji(text: str) -> bool:
    """Tell whether a text is one emoji, as far as its code points tell."""
    if not 0 < len(text) <= LONGEST:
        return False
    if text[-1] == KEYCAP and text[0] in "0123456789#*":
        return len(text) <= 3
    kinds = [unicodedata.category(each) for each in text]
    return kinds[0] == "So" and set(kinds) <= PARTS


def _check_room(message: Message, emoji: str) -> None:
    there = {reaction.emoji for reaction in message.reactions}
    if emoji not in there and len(there) >= MOST_EMOJI:
        raise Invalid(f"A message has at most {MOST_EMOJI} different emoji.", field="emoji")
