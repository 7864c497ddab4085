"""The tables. `seq` orders what was said; the clock does not: it may stand still, and be set back."""

from datetime import datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """What every table has in common."""


db = SQLAlchemy(model_class=Base)


class Message(Base):
    """What somebody said, with its number: 1, 2, 3 …, without a gap."""

    __tablename__ = "messages"
    room_id: Mapped[int] = mapped_column(db.ForeignKey("rooms.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=db.func.now())

    def as_dict(self) -> dict[str, object]:
        """Return the message as it travels, and as the page shows it."""
        return {
            "room": self.room_id,
            "seq": self.seq,
            "username": self.username,
            "text": self.text,
            "created_at": f"{self.created_at:%Y-%m-%dT%H:%M:%SZ}",
        }


class User(Base):
    """Somebody with an account. To the database, Ada and ADA are one name (NOCASE)."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(db.String(collation="NOCASE"), unique=True)
    password_hash: Mapped[str]
    rooms: Mapped[set["Room"]] = relationship(secondary="memberships")


class LogIn(Base):
    """A browser in which somebody has logged in; its cookie holds the token."""

    __tablename__ = "sessions"
    token: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(db.ForeignKey("users.id"))


class Room(Base):
    """A room. Everybody may join it; only who is in it may read and write there."""

    __tablename__ = "rooms"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(db.String(collation="NOCASE"), unique=True)


class Membership(Base):
    """Who is in which room: the rows behind `User.rooms`."""

    __tablename__ = "memberships"
    room_id: Mapped[int] = mapped_column(db.ForeignKey("rooms.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(db.ForeignKey("users.id"), primary_key=True)
