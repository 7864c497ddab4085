"""Sessions: how they begin, whom they belong to, and how they end."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, or_, select, update

from final_app.accounts import passwords
from final_app.chat import people
from final_app.errors import Conflict, DiskFull, NotFound, Unauthorized, Unwritable
from final_app.facts import SessionEnded
from final_app.lib import clock
from final_app.storage.models import Session, User, db, table
from final_app.storage.statements import Statement
from final_app.storage.transaction import execute, record, transaction

WRONG = "Wrong name or password."
MOST = 100  # sessions of one user; another login ends those that have not been used for the longest time
AGENT_LENGTH = 200  # characters of the User-Agent header that are stored
TOUCH_EVERY = timedelta(minutes=5)
LIFETIME = timedelta(days=90)  # a session ends if it is not used for this long

# Every request and every event runs one of these, so they are built once, from tables, not classes.
_users, _sessions = table(User), table(Session)
_ACTIVE = (
    select(
        _users.c.id,
        _users.c.username,
        _users.c.name,
        _users.c.role,
        _sessions.c.id,
        _sessions.c.seen_at,
    )
    .join_from(_users, _sessions, _sessions.c.user_id == _users.c.id)
    .where(or_(_sessions.c.seen_at > bindparam("used_since"), _users.c.role == "bot"))
    .where(_users.c.status == "active")
)
_BY_TOKEN = Statement(_ACTIVE.where(_sessions.c.token_hash == bindparam("digest")))
_BY_ID = Statement(_ACTIVE.where(_sessions.c.id == bindparam("session")))


@dataclass(frozen=True)
class Identity:
    """The current user and session, read from the database for every request and every event."""

    id: int
    username: str
    name: str
    role: str
    session_id: int
    seen_at: datetime

    def to_dict(self) -> dict[str, Any]:
        return {"id": self.id, "username": self.username, "name": self.name, "role": self.role}


def authenticate(username: str, password: str) -> tuple[int, str]:
    """Return the id of the user with this username and password, and the hash that was verified.

    Raises Unauthorized. The error does not show whether the username or the password is wrong: the
    message is the same in both cases, and so is the time that the check takes.
    """
    user = db.session.scalar(select(User).filter_by(username=username.strip().lower()))
    known = user is not None and user.status == "active" and user.role != "bot"
    digest, user_id = (user.password_hash, user.id) if user and known else (passwords.DUMMY_HASH, 0)
    if not passwords.verify(digest, password) or not known:
        raise Unauthorized(WRONG, field="username")
    return user_id, digest


@transaction
def create(user_id: int, agent: str, address: str, *, verified: str = "") -> str:
    """Create a session and return its token.

    `verified` is the hash from `authenticate`. Raises Unauthorized if the user has changed the password
    since then.
    """
    token, now = clock.token(), clock.now()
    user = people.get_active(user_id, lock=True)
    if verified not in ("", user.password_hash):
        raise Unauthorized(WRONG, field="username")
    newest = select(Session.id).filter_by(user_id=user.id).order_by(Session.seen_at.desc())
    if kept := list(db.session.scalars(newest.limit(MOST - 1))):
        _end((Session.user_id == user.id) & Session.id.not_in(kept), "ended")
    db.session.add(
        Session(
            user_id=user.id,
            token_hash=_digest(token),
            user_agent=agent[:AGENT_LENGTH],
            address=address,
            created_at=now,
            seen_at=now,
        )
    )
    return token


def find(token: str | None) -> Identity | None:
    """Return the user and session that this token belongs to, or None."""
    return _one(_BY_TOKEN, digest=_digest(token)) if token else None


def get(session_id: int) -> Identity | None:
    """Return the session with this id and its user, or None if the session has ended."""
    return _one(_BY_ID, session=session_id)


def check(session_id: int) -> None:
    """Raise Unauthorized if a session has ended.

    Call this in the transaction of a change that only the owner of an account can make. The session may
    have ended since the request arrived, because somebody else has changed the password, for example.
    """
    if get(session_id) is None:
        raise Unauthorized("You are not logged in.")


def touch(identity: Identity) -> bool:
    """Store when the session was last used, and return whether this was stored.

    To save writes, this is stored only every TOUCH_EVERY. If the disk is full or read-only, nothing is
    stored and no error is raised, so that reading requests still work.
    """
    if identity.seen_at < clock.now() - TOUCH_EVERY:
        with suppress(DiskFull, Unwritable):
            _touch(identity.session_id)
            return True
    return False


def list_of(identity: Identity) -> list[dict[str, Any]]:
    """Return the user's sessions, most recently used first."""
    query = (
        select(Session).filter_by(user_id=identity.id).order_by(Session.seen_at.desc()).limit(MOST)
    )
    return [
        {
            "id": row.id,
            "current": row.id == identity.session_id,
            "user_agent": row.user_agent,
            "address": row.address,
            "created_at": clock.iso(row.created_at),
            "seen_at": clock.iso(row.seen_at),
        }
        for row in db.session.scalars(query)
    ]


@transaction
def end(identity: Identity, session_id: int, reason: str) -> None:
    """End one of the user's own sessions. Raises NotFound for a session of anyone else."""
    session = db.session.get(Session, session_id)
    if session is None or session.user_id != identity.id:
        raise NotFound("There is no such session.")
    db.session.delete(session)
    record(SessionEnded(session_id, reason))


@transaction
def end_all(user_id: int, reason: str, *, but: int = 0) -> int:
    """End all sessions of a user except `but`, and return how many."""
    return _end((Session.user_id == user_id) & (Session.id != but), reason)


@transaction
def renew_token(bot_id: int) -> str:
    """Return a new token for a bot. Its old token stops working."""
    if people.get_active(bot_id, lock=True).role != "bot":
        raise Conflict("Only bots have tokens; people have passwords.")
    end_all(bot_id, "ended")
    return create(bot_id, "token", "")


@transaction
def remove_expired() -> int:
    """Remove the sessions that have not been used for LIFETIME, and return how many were removed."""
    bots = select(User.id).where(User.role == "bot")
    expired = (Session.seen_at < clock.now() - LIFETIME) & Session.user_id.not_in(bots)
    return _end(expired, "ended")


@transaction
def _touch(session_id: int) -> None:
    used = update(Session).filter_by(id=session_id).values(seen_at=clock.now())
    db.session.execute(used)  # the session may have ended meanwhile


def _one(statement: Statement, **values: Any) -> Identity | None:
    found = execute(statement, used_since=clock.now() - LIFETIME, **values)
    return Identity(*found[0]) if found else None


def _end(which: ColumnElement[bool], reason: str) -> int:
    ended = list(db.session.scalars(delete(Session).where(which).returning(Session.id)))
    for session_id in ended:
        record(SessionEnded(session_id, reason))
    return len(ended)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
