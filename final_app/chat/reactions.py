"""Reactions: the emoji that people add to a message."""

import unicodedata

from sqlalchemy import select

from final_app.chat import messages
from final_app.chat.snapshots import Snapshot
from final_app.errors import Invalid
from final_app.storage.models import Message, Reaction, db
from final_app.storage.transaction import transaction

MOST_EMOJI = 20  # different emoji on one message
LONGEST = 10  # code points; emoji of families and some flags have several
KEYCAP = "\N{COMBINING ENCLOSING KEYCAP}"
AS_EMOJI = "\N{VARIATION SELECTOR-16}"
# Unicode reserves the first range for emoji, so it contains those that this Python does not know yet.
# The second one contains punctuation, letters and symbols, such as ‼, which AS_EMOJI turns into emoji.
RESERVED, TURNED = range(0x1F000, 0x1FB00), range(0x2010, 0x3040)
PARTS = {"So", "Sk", "Cf", "Mn", "Me"}  # symbols, skin tones, joiners, variation selectors, keycaps


@transaction
def react(user_id: int, message_id: int, emoji: str, on: bool) -> Snapshot:
    """Add an emoji to a message, or remove it if `on` is false. Return the message."""
    message = messages.get_writable(user_id, message_id)
    if not is_emoji(emoji):
        raise Invalid(f"Expected one emoji; got {emoji[:LONGEST]!r}.", field="emoji")
    mine = {"message_id": message.id, "user_id": user_id, "emoji": emoji}
    known = db.session.scalar(select(Reaction).filter_by(**mine))
    if bool(known) == on:
        return messages.to_dict(message)
    if known:
        message.reactions.remove(known)
    else:
        _check_most_emoji(message, emoji)
        message.reactions.append(Reaction(**mine))
    return messages.record_change(message)


def is_emoji(text: str) -> bool:
    """Return whether a text is one emoji. This only looks at its code points, so it can be wrong."""
    if not 0 < len(text) <= LONGEST:
        return False
    if text[-1] == KEYCAP and text[0] in "0123456789#*":
        return len(text) <= 3
    first, others = text[0], text[1:]
    is_turned = ord(first) in TURNED and unicodedata.category(first)[0] in "PLS"
    begins = _is_symbol(first) or (is_turned and others.startswith(AS_EMOJI))
    return begins and all(
        _is_symbol(each) or unicodedata.category(each) in PARTS for each in others
    )


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character) == "So" or ord(character) in RESERVED


def _check_most_emoji(message: Message, emoji: str) -> None:
    there = {reaction.emoji for reaction in message.reactions}
    if emoji not in there and len(there) >= MOST_EMOJI:
        raise Invalid(f"A message can have at most {MOST_EMOJI} different emoji.", field="emoji")
