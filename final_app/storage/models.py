"""The tables. In a room, `seq` and `rev` give the order (see `rooms.next_numbers`), and not time."""

from datetime import datetime
from typing import Any, cast

from flask import g
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as BaseSession
from sqlalchemy import Connection, Engine, ForeignKey, Index, Table, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

LARGEST_NUMBER = 2**31 - 1  # the largest id, `seq` or `rev` that fits into a column of PostgreSQL


class Base(DeclarativeBase):
    """Base class of all tables."""


class JoiningSession(BaseSession):
    """Uses the connection of the current transaction, if there is one (`storage.transaction`)."""

    def get_bind(self, *args: Any, **kwargs: Any) -> Engine | Connection:
        if current := g.get("transaction"):
            return cast(Connection, current.connection)
        return super().get_bind(*args, **kwargs)


def table(model: type[Base]) -> Table:
    """Return the table of a model. Statements built from tables return plain columns, not objects."""
    return cast(Table, model.__table__)


db = SQLAlchemy(model_class=Base, session_options={"class_": JoiningSession})


class User(Base):
    """An account. `status` is active, banned or deleted; `role` is admin, member or bot."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)  # lowercase
    name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(default="member")
    status: Mapped[str] = mapped_column(default="active")
    rev: Mapped[int] = mapped_column(default=0, index=True)  # of this person's last change
    created_at: Mapped[datetime]


class Session(Base):
    """A browser in which a user is logged in. The cookie contains a token, and
    this row contains the hash of the token.

    A bot has one permanent session, and sends its token in the Authorization header.
    """

    __tablename__ = "sessions"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    user_agent: Mapped[str]
    address: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]

    # Ids are never reused, because an open socket may still belong to an old one.
    __table_args__ = ({"sqlite_autoincrement": True},)


class Invite(Base):
    """A code that lets people register, until it expires or is used up."""

    __tablename__ = "invites"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    expires_at: Mapped[datetime]
    uses_left: Mapped[int]


class Room(Base):
    """A room. `kind` is open, closed or direct; `dm_key` contains the two user ids, such as "3:17".

    `last_seq` counts the messages. `last_rev` counts them and all their changes, such as edits.
    """

    __tablename__ = "rooms"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    kind: Mapped[str]
    dm_key: Mapped[str | None] = mapped_column(unique=True)
    last_seq: Mapped[int] = mapped_column(default=0)
    last_rev: Mapped[int] = mapped_column(default=0)
    archived_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Membership(Base):
    """A member of a room. `role` is owner or member; `notify` is all, mentions or none."""

    __tablename__ = "memberships"
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(default="member")
    last_read_seq: Mapped[int] = mapped_column(default=0)
    notify: Mapped[str] = mapped_column(default="all")


class Message(Base):
    """A message. The page creates its `client_id`, so that the server recognizes a repeated attempt.

    `seq` is the position of the message in its room, and `rev` is the number of its last change. The row
    of a deleted message remains, without its content.
    """

    __tablename__ = "messages"
    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"))
    seq: Mapped[int]
    rev: Mapped[int]
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    client_id: Mapped[str]
    text: Mapped[str]
    html: Mapped[str]
    reply_to_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"), index=True)
    created_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    author: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    reply_to: Mapped["Message | None"] = relationship(
        remote_side=[id], lazy="selectin", join_depth=1
    )
    mentions: Mapped[list["Mention"]] = relationship(lazy="selectin", cascade="all, delete-orphan")
    reactions: Mapped[list["Reaction"]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by="Reaction.id"
    )
    uploads: Mapped[list["Upload"]] = relationship(lazy="selectin", order_by="Upload.position")

    __table_args__ = (
        UniqueConstraint("room_id", "seq"),
        UniqueConstraint("author_id", "client_id"),
        Index("ix_messages_room_id_rev", "room_id", "rev"),
    )


class Mention(Base):
    """The mention of a user in a message, with @."""

    __tablename__ = "mentions"
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)


class Reaction(Base):
    """An emoji that a user has added to a message."""

    __tablename__ = "reactions"
    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    emoji: Mapped[str]

    __table_args__ = (UniqueConstraint("message_id", "user_id", "emoji"),)


class Upload(Base):
    """An uploaded file. Its content is in the data folder, under its `id`, which nobody can guess.

    Until the file is sent with a message, only its owner can access it. Only images have `width` and
    `height`.
    """

    __tablename__ = "uploads"
    id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"), index=True)
    position: Mapped[int] = mapped_column("place", default=0)  # among the files of its message
    filename: Mapped[str]
    mime: Mapped[str]
    size: Mapped[int]  # bytes, including the thumbnail
    width: Mapped[int | None]
    height: Mapped[int | None]
    created_at: Mapped[datetime]


class OutboxEntry(Base):
    """A fact (see `final_app.facts`) as JSON, which a command has stored for the server."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(primary_key=True)
    fact: Mapped[str]
    created_at: Mapped[datetime]

    # Ids are never reused, because the server remembers the last one that it has read.
    __table_args__ = ({"sqlite_autoincrement": True},)
