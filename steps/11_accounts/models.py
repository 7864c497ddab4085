"""The database's tables, as Python classes."""

from datetime import datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

PAGE = 50  # the number of messages that the page begins with, and loads at a time


class Base(DeclarativeBase):
    """The base class of all tables."""


db = SQLAlchemy(model_class=Base)


class Message(Base):
    """A message. `seq` gives the order: 1, 2, 3 … Clocks can't, because people change them."""

    __tablename__ = "messages"
    seq: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=db.func.now())

    def as_dict(self) -> dict[str, object]:
        """Return the message in the form in which it is sent and shown."""
        return {
            "seq": self.seq,
            "username": self.username,
            "text": self.text,
            "created_at": f"{self.created_at:%Y-%m-%dT%H:%M:%SZ}",
        }


class User(Base):
    """A person with an account. The database treats Ada and ADA as the same name (NOCASE)."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(db.String(collation="NOCASE"), unique=True)
    password_hash: Mapped[str]


def page_before(before: int) -> list[dict[str, object]]:
    """Return the PAGE messages before a number, the oldest one first."""
    newest = db.select(Message).where(Message.seq < before).order_by(Message.seq.desc()).limit(PAGE)
    return [message.as_dict() for message in db.session.scalars(newest)][::-1]


def messages_after(seq: int) -> list[dict[str, object]]:
    """Return all messages after a number, the oldest one first."""
    missed = db.select(Message).where(Message.seq > seq).order_by(Message.seq)
    return [message.as_dict() for message in db.session.scalars(missed)]
