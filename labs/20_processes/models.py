"""The messages, in PostgreSQL."""

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The base class of all tables."""


db = SQLAlchemy(model_class=Base)


class Message(Base):
    """A message. `seq` gives the order: 1, 2, 3 …"""

    __tablename__ = "messages"
    seq: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]
    text: Mapped[str]

    def as_dict(self) -> dict[str, object]:
        """Return the message in the form in which it is sent."""
        return {"seq": self.seq, "username": self.username, "text": self.text}


def next_seq() -> int:
    """Return the next number, in a transaction. Until its commit, all other processes wait here."""
    db.session.execute(db.select(db.func.pg_advisory_xact_lock(1)))
    last = db.session.scalar(db.select(db.func.max(Message.seq)))
    return (last or 0) + 1


def messages_after(seq: int) -> list[dict[str, object]]:
    """Return all messages after a number, the oldest one first."""
    missed = db.select(Message).where(Message.seq > seq).order_by(Message.seq)
    return [message.as_dict() for message in db.session.scalars(missed)]
