"""The tables. Numbers that order a room, `seq` and `rev`, are given by `messages`, never by time."""

from datetime import datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """What every table has in common."""


db = SQLAlchemy(model_class=Base)


class User(Base):
    """Somebody with an account. `status` is active, banned or deleted; `role` admin, member or bot."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)  # lower case
    name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(default="member")
    status: Mapped[str] = mapped_column(default="active")
    created_at: Mapped[datetime]


class LogIn(Base):
    """A browser in which a person is logged in: its cookie holds the token, this row the digest.

    A bot has one for good: its token stands in the Authorization header.
    """

    __tablename__ = "sessions"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    user_agent: Mapped[str]
    address: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]

    # A number is never given again: it may still stand in a row of `connections`.
    __table_args__ = ({"sqlite_autoincrement": True},)


class Invite(Base):
    """A code that lets people register, some times and for some time."""

    __tablename__ = "invites"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    expires_at: Mapped[datetime]
    uses_left: Mapped[int]


class Room(Base):
    """A room. `kind` is open, closed or direct; `dm_key` is "3:17", the two people of a direct one.

    `last_seq` counts messages, `last_rev` every change: new, edited, deleted.
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
    """Who may read and write in a room. `role` is owner or member; `notify` all, mentions or none."""

    __tablename__ = "memberships"
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(default="member")
    last_read_seq: Mapped[int] = mapped_column(default=0)
    notify: Mapped[str] = mapped_column(default="all")


class Message(Base):
    """What somebody said. `client_id` is made by the page, once per message: a repeated send finds it.

    `seq` is its place in the room, `rev` the number of its last change. A deleted one stays, empty.
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
    uploads: Mapped[list["Upload"]] = relationship(lazy="selectin", order_by="Upload.place")

    __table_args__ = (
        UniqueConstraint("room_id", "seq"),
        UniqueConstraint("author_id", "client_id"),
        Index("ix_messages_room_id_rev", "room_id", "rev"),
    )


class Mention(Base):
    """Somebody whom a message names with @."""

    __tablename__ = "mentions"
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)


class Reaction(Base):
    """An emoji that somebody has put under a message."""

    __tablename__ = "reactions"
    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    emoji: Mapped[str]

    __table_args__ = (UniqueConstraint("message_id", "user_id", "emoji"),)


class Upload(Base):
    """A file: the bytes lie in the data folder under the `id`, which nobody can guess.

    Until a message carries it only its owner can reach it. Images have `width` and `height`.
    """

    __tablename__ = "uploads"
    id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"), index=True)
    place: Mapped[int] = mapped_column(default=0)  # among the files of its message
    filename: Mapped[str]
    mime: Mapped[str]
    size: Mapped[int]  # bytes, the thumbnail's included
    width: Mapped[int | None]
    height: Mapped[int | None]
    created_at: Mapped[datetime]


class Connection(Base):
    """An open Socket.IO connection: presence, and the way to reach a person's or a log-in's sockets."""

    __tablename__ = "connections"
    sid: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(index=True)
    user_id: Mapped[int] = mapped_column(index=True)
    room_id: Mapped[int | None]  # the room on screen
    visible: Mapped[bool] = mapped_column(default=True)
    seen_at: Mapped[datetime]
