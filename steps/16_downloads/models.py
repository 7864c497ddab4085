"""The database's tables, as Python classes."""

from datetime import datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

PAGE = 50  # the number of messages that the page begins with, and loads at a time


class Base(DeclarativeBase):
    """The base class of all tables."""


db = SQLAlchemy(model_class=Base)


class Message(Base):
    """A message. `seq` gives the order in its room: 1, 2, 3 …"""

    __tablename__ = "messages"
    room_id: Mapped[int] = mapped_column(db.ForeignKey("rooms.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=db.func.now())
    uploads: Mapped[list["Upload"]] = relationship()

    def as_dict(self) -> dict[str, object]:
        """Return the message in the form in which it is sent and shown."""
        return {
            "room": self.room_id,
            "seq": self.seq,
            "username": self.username,
            "text": self.text,
            "created_at": f"{self.created_at:%Y-%m-%dT%H:%M:%SZ}",
            "uploads": [upload.as_dict() for upload in self.uploads],
        }


class User(Base):
    """A person with an account. The database treats Ada and ADA as the same name (NOCASE)."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(db.String(collation="NOCASE"), unique=True)
    password_hash: Mapped[str]
    rooms: Mapped[set["Room"]] = relationship(secondary="memberships")


class Login(Base):
    """A session: one browser in which a person is logged in. Its cookie holds the token."""

    __tablename__ = "logins"
    token: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(db.ForeignKey("users.id"))


class Room(Base):
    """A room. Everybody can join it, but only its members can read it and write in it."""

    __tablename__ = "rooms"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(db.String(collation="NOCASE"), unique=True)


class Membership(Base):
    """A user in a room: one row of the table behind `User.rooms`."""

    __tablename__ = "memberships"
    room_id: Mapped[int] = mapped_column(db.ForeignKey("rooms.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(db.ForeignKey("users.id"), primary_key=True)


class Upload(Base):
    """A file. Its bytes are beside the database. `message_seq` is None until a message names it."""

    __tablename__ = "uploads"
    id: Mapped[str] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(db.ForeignKey("rooms.id"))
    owner_id: Mapped[int] = mapped_column(db.ForeignKey("users.id"))
    message_seq: Mapped[int | None]
    filename: Mapped[str]
    mime: Mapped[str]
    size: Mapped[int]  # bytes
    __table_args__ = (
        db.ForeignKeyConstraint(["room_id", "message_seq"], ["messages.room_id", "messages.seq"]),
    )

    def as_dict(self) -> dict[str, object]:
        """Return what a message says about the file."""
        return {"id": self.id, "filename": self.filename, "mime": self.mime, "size": self.size}


def page_before(room_id: int, before: int) -> list[dict[str, object]]:
    """Return the PAGE messages of a room before a number, the oldest one first."""
    newest = db.select(Message).filter_by(room_id=room_id).where(Message.seq < before)
    newest = newest.order_by(Message.seq.desc()).limit(PAGE)
    return [message.as_dict() for message in db.session.scalars(newest)][::-1]


def messages_after(room_id: int, seq: int) -> list[dict[str, object]]:
    """Return all messages of a room after a number, the oldest one first."""
    missed = db.select(Message).filter_by(room_id=room_id).where(Message.seq > seq)
    return [message.as_dict() for message in db.session.scalars(missed.order_by(Message.seq))]


def next_seq(room_id: int) -> int:
    """Return the number of the next message in a room."""
    last = db.session.scalar(db.select(db.func.max(Message.seq)).filter_by(room_id=room_id))
    return (last or 0) + 1
