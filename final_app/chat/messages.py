"""Messages: stored exactly once, numbered without gaps, edited and deleted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from final_app.chat import formatting, memberships, rooms, uploads
from final_app.errors import Forbidden, Invalid, NotFound
from final_app.facts import MessageChanged, MessagePosted
from final_app.lib import clock
from final_app.storage.models import Membership, Mention, Message, User, db
from final_app.storage.transaction import record, transaction

TEXT_LENGTH = 4000  # characters
EXCERPT = 120  # characters of a message that another one replies to
CLIENT_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")

Snapshot = dict[str, Any]


@dataclass(frozen=True)
class Posted:
    """A stored message. It is a `duplicate` if an earlier attempt had already stored it."""

    message: Snapshot
    duplicate: bool


@transaction
def post(
    author_id: int, room_id: int, client_id: str, text: str,
    reply_to: int | None = None, files: Sequence[str] = (), *, most_files: int = 0,
) -> Posted:  # fmt: skip
    """Store a message and number it. A repeated `client_id` of this author returns the stored one.

    That also works if the room was archived, or the author has left it, since the first attempt.
    """
    if not CLIENT_ID.fullmatch(client_id):
        raise Invalid("Expected a UUID in lowercase.", field="client_id")
    known = db.session.scalar(select(Message).filter_by(author_id=author_id, client_id=client_id))
    if known:
        return Posted(to_dict(known), duplicate=True)
    memberships.check_writable(author_id, room_id)
    carried = uploads.claim(author_id, room_id, files, most_files)
    text = _checked(text, needed=not carried)
    replied_to = _replied_to(room_id, reply_to)
    seq, rev = rooms.next_numbers(room_id, is_new=True)
    message = Message(
        room_id=room_id,
        seq=seq,
        rev=rev,
        author=db.session.get_one(User, author_id),
        client_id=client_id,
        reply_to=replied_to,
        created_at=clock.now(),
        uploads=carried,
        reactions=[],
    )
    _set_text(message, text)
    db.session.add(message)
    db.session.flush()
    record(MessagePosted(snapshot := to_dict(message)))
    return Posted(snapshot, duplicate=False)


@transaction
def edit(author_id: int, message_id: int, text: str) -> Snapshot:
    """Change the text of a message. It keeps its `seq` and gets the next `rev`."""
    message = get_writable(author_id, message_id)
    if message.author_id != author_id:
        raise Forbidden("You can only edit your own messages.")
    _set_text(message, _checked(text, needed=not message.uploads))
    message.edited_at = clock.now()
    return record_change(message)


@transaction
def delete(user_id: int, message_id: int) -> Snapshot:
    """Delete the user's own message or, as a moderator of the room, anyone's.

    An empty message stays in its place, so that clients learn about the deletion when they sync.
    """
    message = get_writable(user_id, message_id)
    if message.author_id != user_id and not memberships.can_moderate(user_id, message.room_id):
        raise Forbidden("Only the author or a moderator of the room can delete a message.")
    message.text = message.html = ""
    message.mentions, message.reactions = [], []
    uploads.drop(message)
    message.deleted_at = clock.now()
    return record_change(message)


def get_writable(user_id: int, message_id: int) -> Message:
    """Return a message in a room where the user can write. Raises NotFound and Forbidden."""
    message = db.session.get(Message, message_id)
    if message is None or message.deleted_at:
        raise NotFound("There is no such message, or it was deleted.")
    memberships.check_writable(user_id, message.room_id)
    return message


def record_change(message: Message) -> Snapshot:
    """Give a changed message the next `rev`, inside the transaction that changed it."""
    _, message.rev = rooms.next_numbers(message.room_id, is_new=False)
    db.session.flush()
    record(MessageChanged(snapshot := to_dict(message)))
    return snapshot


def to_dict(message: Message) -> Snapshot:
    """Return the whole message as clients get it."""
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
        "uploads": [uploads.to_dict(upload) for upload in message.uploads],
        "reactions": _reactions(message),
        "reply_to": message.reply_to and _quoted(message.reply_to),
        "created_at": clock.iso(message.created_at),
        "edited_at": clock.iso(message.edited_at),
        "deleted": message.deleted_at is not None,
    }


def _quoted(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "seq": message.seq,
        "author": message.author.name,
        "text": formatting.plain(message.html)[:EXCERPT],
        "deleted": message.deleted_at is not None,
    }


def _reactions(message: Message) -> list[dict[str, Any]]:
    """Return [{emoji, people}], in the order in which the emoji were first used."""
    people: dict[str, list[int]] = {}
    for reaction in message.reactions:
        people.setdefault(reaction.emoji, []).append(reaction.user_id)
    return [{"emoji": emoji, "people": ids} for emoji, ids in people.items()]


def _set_text(message: Message, text: str) -> None:
    """Set the text of a message, with its HTML and mentions."""
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
            f"A message can have at most {TEXT_LENGTH} characters; this one has {len(text)}.",
            field="text",
        )
    if "\x00" in text:
        raise Invalid("A message can't contain the NUL character.", field="text")
    return text


def _replied_to(room_id: int, message_id: int | None) -> Message | None:
    message = db.session.get(Message, message_id) if message_id else None
    if message_id and (message is None or message.room_id != room_id):
        raise Invalid("The message you're replying to isn't in this room.", field="reply_to")
    return message
