"""Messages: store each exactly once, number them without gaps, edit them and delete them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import and_, bindparam, insert, select

from final_app.chat import formatting, memberships, rooms, texts, uploads
from final_app.chat.snapshots import Snapshot, short
from final_app.chat.texts import Text
from final_app.errors import Forbidden, Invalid, NotFound
from final_app.facts import MessageChanged, MessagePosted
from final_app.lib import clock
from final_app.storage.models import Membership, Mention, Message, Room, Upload, User, db, table
from final_app.storage.statements import Statement
from final_app.storage.transaction import execute, record, room_transaction, transaction

EXCERPT = 120  # characters of a message that another one replies to
CLIENT_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")

OF_OTHERS = ("reply_to", "reactions")  # the fields with what other people have written or done

COLUMNS = ("room_id", "seq", "rev", "author_id", "client_id", "text", "html", "reply_to_id",
           "created_at")  # fmt: skip

# Every message needs these, so they are built only once, and from tables instead of classes.
_messages, _users, _rooms, _members, _mentions = (
    table(model) for model in (Message, User, Room, Membership, Mention)
)
_ASKED = Statement(
    select(
        *(_users.c[name] for name in ("id", "username", "name", "role")),
        _messages.c.id.label("known_id"),
        _members.c.user_id.is_not(None).label("is_member"),
        _rooms.c.archived_at,
        _rooms.c.kind,
    )
    .select_from(_users)
    .outerjoin(
        _messages,
        and_(_messages.c.author_id == _users.c.id, _messages.c.client_id == bindparam("client_id")),
    )
    .outerjoin(
        _members, and_(_members.c.user_id == _users.c.id, _members.c.room_id == bindparam("room"))
    )
    .outerjoin(_rooms, _rooms.c.id == _members.c.room_id)
    .where(_users.c.id == bindparam("author"), _users.c.status == "active")
)
_INSERT = Statement(insert(_messages).returning(_messages.c.id), COLUMNS)
_MENTION = Statement(insert(_mentions), ("message_id", "user_id"))


@dataclass(frozen=True)
class Posted:
    """A stored message. `duplicate` is true if an earlier attempt had already stored it."""

    message: Snapshot
    duplicate: bool


def post(
    author_id: int, room_id: int, /, client_id: str, text: str,
    reply_to: int | None = None, files: Sequence[str] = (), *, most_files: int = 0,
) -> Posted:  # fmt: skip
    """Store a message and number it.

    If this author has already used the `client_id`, return the stored message. This also works if the
    room has been archived, or the author has left it, since the first attempt. If the author has left
    the room, the message does not contain what other people have added to it.
    """
    if not CLIENT_ID.fullmatch(client_id):
        raise Invalid("Expected a UUID in lowercase.", field="client_id")
    prepared = texts.prepared(room_id, text)
    return _store(author_id, room_id, client_id, prepared, reply_to, files, most_files)


@room_transaction
def _store(
    author_id: int, room_id: int, /, client_id: str, text: Text,
    reply_to: int | None, files: Sequence[str], most_files: int,
) -> Posted:  # fmt: skip
    asked = _asked(author_id, room_id, client_id)
    known = asked.known_id and db.session.get(Message, asked.known_id)
    if known:
        stored = to_dict(known)
        for field in () if asked.is_member else OF_OTHERS:
            stored.pop(field, None)
        return Posted(stored, duplicate=True)
    memberships.refuse_unless(asked.is_member, asked.archived_at)
    if asked.kind == "direct":
        memberships.refuse_if_gone(room_id)
    carried = uploads.claim(author_id, room_id, files, most_files)
    _check_not_empty(text, carried)
    seq, rev = rooms.next_numbers(room_id, is_new=True)
    replied_to = _replied_to(room_id, reply_to)  # from now on, nobody else can change it
    message = SimpleNamespace(  # an object of the ORM takes longer than all statements together
        room_id=room_id, seq=seq, rev=rev, author=asked, author_id=author_id, client_id=client_id,
        text=text.typed, html=text.html, mentions=text.mentions, uploads=carried, reactions=[],
        reply_to=replied_to, reply_to_id=replied_to and replied_to.id,
        created_at=clock.now(), edited_at=None, deleted_at=None,
    )  # fmt: skip
    _insert(message)
    record(MessagePosted(snapshot := to_dict(message)))
    return Posted(snapshot, duplicate=False)


def edit(author_id: int, message_id: int, text: str) -> Snapshot:
    """Change the text of a message. It keeps its `seq` and gets the next `rev`."""
    room_id = db.session.scalar(select(Message.room_id).where(Message.id == message_id)) or 0
    return _edit(author_id, message_id, texts.prepared(room_id, text))


@transaction
def _edit(author_id: int, message_id: int, text: Text) -> Snapshot:
    message = get_writable(author_id, message_id)
    if message.author_id != author_id:
        raise Forbidden("You can only edit your own messages.")
    _check_not_empty(text, message.uploads)
    message.mentions = [Mention(user_id=each.user_id) for each in text.mentions]
    message.text, message.html, message.edited_at = text.typed, text.html, clock.now()
    return record_change(message)


@transaction
def delete(user_id: int, message_id: int) -> Snapshot:
    """Delete a message. Only its author and the moderators of the room can do this.

    The message remains without its content, so that clients learn about the deletion when they sync.
    """
    message = get_writable(user_id, message_id)
    if message.author_id != user_id and not memberships.can_moderate(user_id, message.room_id):
        raise Forbidden(
            "Only its author, the room's owner or an administrator can delete a message."
        )
    message.text = message.html = ""
    message.mentions, message.reactions = [], []
    uploads.drop(message)
    message.deleted_at = clock.now()
    return record_change(message)


def get_writable(user_id: int, message_id: int) -> Message:
    """Return a message in a room where the user can write. Raises NotFound and Forbidden.

    Its room is locked: until the end of the transaction, nobody else can change this message or the one
    that it replies to. Outside the user's rooms, nothing is locked, and the answer does not depend on
    whether there is such a message.
    """
    is_readable = (
        select(Membership)
        .where(Membership.user_id == user_id, Membership.room_id == Message.room_id)
        .join(User, (User.id == Membership.user_id) & (User.status == "active"))
    )
    found = select(Message.room_id).where(Message.id == message_id, is_readable.exists())
    room_id = db.session.scalar(found)
    if room_id:
        memberships.check_writable(user_id, room_id, lock=True)
    message = room_id and db.session.get(Message, message_id)
    if not message or message.deleted_at:
        raise NotFound("There is no such message in your rooms, or it was deleted.")
    return message


def record_change(message: Message) -> Snapshot:
    """Give a changed message the next `rev` and record a fact. Call this in the same transaction."""
    _, message.rev = rooms.next_numbers(message.room_id, is_new=False)
    db.session.flush()
    record(MessageChanged(snapshot := to_dict(message)))
    return snapshot


def completed(reference: Snapshot) -> Snapshot:
    """Return the message that {id, room, rev} refers to, with this `rev`. Raises NotFound.

    If the message has changed again, it has its new content but still this `rev`. Another fact with the
    new `rev` follows.
    """
    message = db.session.get(Message, reference["id"])
    if message is None:
        raise NotFound("There is no such message.")
    return to_dict(message) | {"rev": reference["rev"]}


def to_dict(message: Message | SimpleNamespace) -> Snapshot:
    """Return a message in the form that clients receive, without its empty fields.

    A message always has {id, room, seq, rev, client_id, author: {id, name}, created_at}. Most messages
    also have `text`. If the text has formatting, there is `html`. A message can also have mentions:
    [user id]; uploads: [upload]; reactions: [{emoji, people: [user id]}]; reply_to: {id, seq,
    author_id, author: name, text or deleted}; `edited_at`; and `deleted`, which is true.
    """
    is_plain = formatting.is_plain(message.text, message.html)
    whole = {
        "id": message.id,
        "room": message.room_id,
        "seq": message.seq,
        "rev": message.rev,
        "client_id": message.client_id,
        "author": {"id": message.author.id, "name": message.author.name},
        "text": message.text,
        "html": "" if is_plain else message.html,
        "mentions": [mention.user_id for mention in message.mentions],
        "uploads": [uploads.to_dict(upload) for upload in message.uploads],
        "reactions": _reactions(message),
        "reply_to": message.reply_to and _quoted(message.reply_to),
        "created_at": clock.iso(message.created_at),
        "edited_at": clock.iso(message.edited_at),
        "deleted": message.deleted_at is not None,
    }
    return short(whole)


def _quoted(message: Message) -> Snapshot:
    whole = {
        "id": message.id,
        "seq": message.seq,
        "author_id": message.author_id,
        "author": message.author.name,
        "text": formatting.plain(message.html)[:EXCERPT],
        "deleted": message.deleted_at is not None,
    }
    return short(whole)


def _reactions(message: Message | SimpleNamespace) -> list[Snapshot]:
    """Return [{emoji, people}] in the order in which the emoji were first used."""
    people: dict[str, list[int]] = {}
    for reaction in message.reactions:
        people.setdefault(reaction.emoji, []).append(reaction.user_id)
    return [{"emoji": emoji, "people": ids} for emoji, ids in people.items()]


def _asked(author_id: int, room_id: int, client_id: str) -> Any:
    """Return the author with all that `post` has to check, in one query. Raises NotFound.

    `known_id` is the id of the message that this `client_id` has already been used for, or None.
    """
    for row in execute(_ASKED, author=author_id, room=room_id, client_id=client_id):
        return row
    raise NotFound("There is no such person.")


def _insert(message: SimpleNamespace) -> None:
    """Store a new message with its files and mentions, and set its `id`."""
    (row,) = execute(_INSERT, **{name: getattr(message, name) for name in COLUMNS})
    message.id = row.id
    for each in message.mentions:
        execute(_MENTION, message_id=message.id, user_id=each.user_id)
    for upload in message.uploads:
        upload.message_id = message.id


def _check_not_empty(text: Text, files: Sequence[Upload]) -> None:
    if not text.typed and not files:
        raise Invalid("A message needs some text.", field="text")


def _replied_to(room_id: int, message_id: int | None) -> Message | None:
    message = db.session.get(Message, message_id) if message_id else None
    if message_id and (message is None or message.room_id != room_id):
        raise Invalid("The message you're replying to isn't in this room.", field="reply_to")
    return message
