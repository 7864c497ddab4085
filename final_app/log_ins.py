"""Log-ins: how somebody proves who they are, and in which browsers they have done so."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select

from final_app import clock, passwords, people
from final_app.errors import Conflict, NotFound, Unauthorized
from final_app.models import LogIn, User, db
from final_app.store import writes

AGENT_LENGTH = 200  # characters of what a browser says of itself
SEEN_EVERY = timedelta(minutes=5)
KEPT = timedelta(days=90)  # without being used


@dataclass(frozen=True)
class Me:
    """Who asks: read anew from the database at every request and every event."""

    id: int
    username: str
    name: str
    role: str
    log_in_id: int
    seen_at: datetime

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    def as_person(self) -> dict[str, Any]:
        return {"id": self.id, "username": self.username, "name": self.name, "role": self.role}


def recognise(username: str, password: str) -> int:
    """Return whose name and password it is. Raises Unauthorized, in the same words and time for all."""
    user = db.session.scalar(select(User).filter_by(username=username.strip().lower()))
    known = user is not None and user.status == "active" and user.role != "bot"
    digest, user_id = (user.password_hash, user.id) if user and known else (passwords.NOBODYS, 0)
    db.session.rollback()  # gives the connection back while the password is hashed
    if not passwords.match(digest, password) or not known:
        raise Unauthorized("Wrong name or password.", field="username")
    return user_id


@writes
def begin(user_id: int, agent: str, address: str) -> str:
    """Return the token of a new log-in."""
    token, now = clock.token(), clock.now()
    db.session.add(
        LogIn(
            user_id=people.active(user_id).id,
            token_hash=_digest(token),
            user_agent=agent[:AGENT_LENGTH],
            address=address,
            created_at=now,
            seen_at=now,
        )
    )
    return token


def who(token: str | None) -> Me | None:
    """Return who is logged in with a token, or None."""
    if not token:
        return None
    found = db.session.execute(
        select(User, LogIn)
        .join(LogIn, LogIn.user_id == User.id)
        .where(LogIn.token_hash == _digest(token))
        .where(or_(LogIn.seen_at > clock.now() - KEPT, User.role == "bot"))
        .where(User.status == "active")
    ).one_or_none()
    if found is None:
        return None
    user, log_in = found
    return Me(user.id, user.username, user.name, user.role, log_in.id, log_in.seen_at)


def seen(me: Me) -> None:
    """Note that a log-in is in use, at most every SEEN_EVERY: who only reads waits for no writer."""
    if me.seen_at < clock.now() - SEEN_EVERY:
        _note_seen(me.log_in_id)


def of(me: Me) -> list[dict[str, Any]]:
    """Return where a person is logged in, the newest first."""
    rows = db.session.scalars(select(LogIn).filter_by(user_id=me.id).order_by(LogIn.seen_at.desc()))
    return [
        {
            "id": row.id,
            "current": row.id == me.log_in_id,
            "user_agent": row.user_agent,
            "address": row.address,
            "created_at": clock.iso(row.created_at),
            "seen_at": clock.iso(row.seen_at),
        }
        for row in rows
    ]


@writes
def end(me: Me, log_in_id: int) -> None:
    """End one of one's own log-ins. Raises NotFound for somebody else's."""
    row = db.session.get(LogIn, log_in_id)
    if row is None or row.user_id != me.id:
        raise NotFound("There is no such log-in.")
    db.session.delete(row)


@writes
def end_all(user_id: int, *, but: int = 0) -> list[int]:
    """End a person's log-ins, all or all but one; return their numbers."""
    mine = (LogIn.user_id == user_id) & (LogIn.id != but)
    return list(db.session.scalars(delete(LogIn).where(mine).returning(LogIn.id)))


@writes
def renew_token(bot_id: int) -> str:
    """Return a new token for a bot; the one before ends."""
    if people.active(bot_id).role != "bot":
        raise Conflict("Only bots have a token; people have a password.")
    end_all(bot_id)
    return begin(bot_id, "token", "")


@writes
def forget_unused() -> int:
    """Forget the log-ins that were not used for so long that they have ended; return how many."""
    bots = select(User.id).where(User.role == "bot")
    ended = (LogIn.seen_at < clock.now() - KEPT) & LogIn.user_id.not_in(bots)
    return len(list(db.session.scalars(delete(LogIn).where(ended).returning(LogIn.id))))


@writes
def _note_seen(log_in_id: int) -> None:
    db.session.get_one(LogIn, log_in_id).seen_at = clock.now()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
