"""Messages: stored once, numbered without a gap, changed and taken back by their authors."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from final_app import clock, formatting, memberships, rooms, uploads
from final_app.errors import Forbidden, Invalid, NotFound
from final_app.models import Membership, Mention, Message, User, db
from final_app.store import writes

TEXT_LENGTH = 4000  # characters
EXCERPT = 120  # characters of a message that another one replies to
CLIENT_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")

Snapshot = dict[str, Any]


@dataclass(frozen=True)
class Posted:
    """A stored message; `duplicate` when it had been stored by an earlier try of the same send."""

    message: Snapshot
    duplicate: bool


@writes
def post(
    author_id: int, room_id: int, client_id: str, text: str,
    reply_to: int | None = None, files: Sequence[str] = (), *, most_files: int = 0,
) -> Posted:  # fmt: skip
    """Store a message and number it; the same author and client_id find what is stored already.

    They do so also when the room has been archived, or left, since the first try.
    """
    if not CLIENT_ID.fullmatch(client_id):
        raise Invalid("Expected a UUID in lower case.", field="client_id")
    known = db.session.scalar(select(Message).filter_by(author_id=author_id, client_id=client_id))
    if known:
        return Posted(as_seen(known), duplicate=True)
    memberships.writable(author_id, room_id)
    carried = uploads.claim(author_id, room_id, files, most_files)
    text = _checked(text, needed=not carried)
    answered = _answered(room_id, reply_to)
    seq, rev = rooms.number(room_id, new=True)
    message = Message(
        room_id=room_id,
        seq=seq,
        rev=rev,
        author=db.session.get_one(User, author_id),
        client_id=client_id,
        reply_to=answered,
        created_at=clock.now(),
        uploads=carried,
        reactions=[],
    )
    _say(message, text)
    db.session.add(message)
    db.session.flush()
    return Posted(as_seen(message), duplicate=False)


@writes
def edit(author_id: int, message_id: int, text: str) -> Snapshot:
    """Say it in other words; the message keeps its place and gets a new `rev`."""
    message = there(author_id, message_id)
    if message.author_id != author_id:
        raise Forbidden("Only its author may change a message.")
    _say(message, _checked(text, needed=not message.uploads))
    message.edited_at = clock.now()
    return changed(message)


@writes
def delete(user_id: int, message_id: int) -> tuple[Snapshot, list[str]]:
    """Take back one's own message, or, as a moderator, anybody's.

    The empty message stays in its place, so that absentees hear of it. Returns it, and the ids of the
    files that are to be removed now.
    """
    message = there(user_id, message_id)
    if message.author_id != user_id and not memberships.moderates(user_id, message.room_id):
        raise Forbidden("Only its author, or a moderator of the room, may delete a message.")
    message.text = message.html = ""
    message.mentions, message.reactions = [], []
    gone = uploads.drop(message)
    message.deleted_at = clock.now()
    return changed(message), gone


def there(user_id: int, message_id: int) -> Message:
    """Return a message that stands in a room where the person may write. Raises NotFound."""
    message = db.session.get(Message, message_id)
    if message is None or message.deleted_at:
        raise NotFound("There is no such message, or it was deleted.")
    memberships.writable(user_id, message.room_id)
    return message


def changed(message: Message) -> Snapshot:
    """Give a message that was changed its next `rev`, inside the same transaction."""
    _, message.rev = rooms.number(message.room_id, new=False)
    db.session.flush()
    return as_seen(message)


def as_seen(message: Message) -> Snapshot:
    """Return the whole message as the wire carries it."""
    return {
        "id": message.id,
        "room": message.room_id,
        "seq": message.seq,
        "rev": message.rev,
        "client_id": message.client_id,
        "author": {
            "id": message.author.id,
            "username": message.author.username,
            "name": message.author.name,
            "role": message.author.role,
        },
        "text": message.text,
        "html": message.html,
        "mentions": [mention.user_id for mention in message.mentions],
        "uploads": [uploads.as_seen(upload) for upload in message.uploads],
        "reactions": _reactions(message),
        "reply_to": message.reply_to and _quoted(message.reply_to),
        "created_at": clock.iso(message.created_at),
        "edited_at": clock.iso(message.edited_at),
        "deleted": message.deleted_at is not None,
    }


def _quoted(answered: Message) -> dict[str, Any]:
    return {
        "id": answered.id,
        "seq": answered.seq,
        "author": answered.author.name,
        "text": formatting.plain(answered.html)[:EXCERPT],
        "deleted": answered.deleted_at is not None,
    }


def _reactions(message: Message) -> list[dict[str, Any]]:
    """Return [{emoji, people}], in the order in which each emoji came first."""
    people: dict[str, list[int]] = {}
    for reaction in message.reactions:
        people.setdefault(reaction.emoji, []).append(reaction.user_id)
    return [{"emoji": emoji, "people": ids} for emoji, ids in people.items()]


def _say(message: Message, text: str) -> None:
    """Give a message its text, its HTML, and the people it names."""
    named = formatting.mentioned(text)
    members = (
        select(User.id, User.username)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.room_id == message.room_id, User.username.in_(named))
    )
    known = db.session.execute(members).all() if named else []
    message.text = text
    message.html = formatting.render(text, [row.username for row in known])
    message.mentions = [Mention(user_id=row.id) for row in known]


def _checked(text: str, *, needed: bool) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not text and needed:
        raise Invalid("A message needs some text.", field="text")
    if len(text) > TEXT_LENGTH:
        raise Invalid(
            f"A message has at most {TEXT_LENGTH} characters; this one has {len(text)}.",
            field="text",
        )
    if "\x00" in text:
        raise Invalid("A message cannot hold the character NUL.", field="text")
    return text


def _answered(room_id: int, reply_to: int | None) -> Message | None:
    answered = db.session.get(Message, reply_to) if reply_to else None
    if reply_to and (answered is None or answered.room_id != room_id):
        raise Invalid("The message that this one answers is not in this room.", field="reply_to")
    return answered
