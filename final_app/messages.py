"""Messages: stored once, numbered without a gap, changed and taken back by their authors."""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from final_app import clock, formatting, memberships, rooms
from final_app.errors import Forbidden, Invalid, NotFound
from final_app.models import Membership, Mention, Message, Room, User, db
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
def post(author_id: int, room_id: int, client_id: str, text: str, reply_to: int | None) -> Posted:
    """Store a message and number it. The same author and client_id find what is stored already:

    also when the room has been archived, or left, since the first try.
    """
    if not CLIENT_ID.fullmatch(client_id):
        raise Invalid("Expected a UUID in lower case.", field="client_id")
    known = db.session.scalar(select(Message).filter_by(author_id=author_id, client_id=client_id))
    if known:
        return Posted(as_seen(known), duplicate=True)
    _writable(author_id, room_id)
    text = _checked(text)
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
    )
    _say(message, text)
    db.session.add(message)
    db.session.flush()
    return Posted(as_seen(message), duplicate=False)


@writes
def edit(author_id: int, message_id: int, text: str) -> Snapshot:
    """Say it in other words; the message keeps its place and gets a new `rev`."""
    message = _own(author_id, message_id)
    _say(message, _checked(text))
    message.edited_at = clock.now()
    return _changed(message)


@writes
def delete(author_id: int, message_id: int) -> Snapshot:
    """Take back what was said. The empty message stays in its place, so that absentees hear of it."""
    message = _own(author_id, message_id)
    message.text = message.html = ""
    message.mentions = []
    message.deleted_at = clock.now()
    return _changed(message)


def as_seen(message: Message) -> Snapshot:
    """Return the whole message as the wire carries it."""
    answered = message.reply_to
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
        },
        "text": message.text,
        "html": message.html,
        "mentions": [mention.user_id for mention in message.mentions],
        "reply_to": answered and {
            "id": answered.id,
            "seq": answered.seq,
            "author": answered.author.name,
            "text": answered.text[:EXCERPT],
            "deleted": answered.deleted_at is not None,
        },
        "created_at": clock.iso(message.created_at),
        "edited_at": clock.iso(message.edited_at),
        "deleted": message.deleted_at is not None,
    }  # fmt: skip


def _say(message: Message, text: str) -> None:
    """Give a message its text, its HTML, and the people it names."""
    named = formatting.mentioned(text)
    known = db.session.execute(
        select(User.id, User.username)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.room_id == message.room_id, User.username.in_(named))
    ).all()
    message.text = text
    message.html = formatting.render(text, [row.username for row in known])
    message.mentions = [Mention(user_id=row.id) for row in known]


def _changed(message: Message) -> Snapshot:
    _, message.rev = rooms.number(message.room_id, new=False)
    db.session.flush()
    return as_seen(message)


def _writable(user_id: int, room_id: int) -> None:
    memberships.place(user_id, room_id)
    if db.session.get_one(Room, room_id).archived_at:
        raise Forbidden("This room is archived: it can be read, and no longer written in.")


def _own(author_id: int, message_id: int) -> Message:
    message = db.session.get(Message, message_id)
    if message is None or message.deleted_at:
        raise NotFound("There is no such message, or it was deleted.")
    _writable(author_id, message.room_id)
    if message.author_id != author_id:
        raise Forbidden("Only its author may change a message.")
    return message


def _checked(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not text:
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
