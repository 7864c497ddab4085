"""Presence: each open connection is a row, and users are online while they have one."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update

from final_app.lib import clock
from final_app.storage.models import Connection, db
from final_app.storage.transaction import transaction

REFRESH = 50.0  # seconds between two updates of `seen_at`
EXPIRES = timedelta(seconds=90)  # without an update


@transaction
def connect(sid: str, session_id: int, user_id: int) -> bool:
    """Store a connection; return whether the user has just come online."""
    first = not _sids(Connection.user_id == user_id)
    db.session.add(Connection(sid=sid, session_id=session_id, user_id=user_id, seen_at=clock.now()))
    return first


@transaction
def disconnect(sid: str) -> int | None:
    """Remove a connection; return the user id if it was the user's last one."""
    row = db.session.get(Connection, sid)
    if row is None:
        return None
    user_id = row.user_id
    db.session.delete(row)
    db.session.flush()
    return None if _sids(Connection.user_id == user_id) else user_id


@transaction
def set_view(sid: str, room_id: int | None, visible: bool) -> None:
    """Store which room is on screen, and whether its window is visible and has the focus."""
    values = {"room_id": room_id, "visible": visible, "seen_at": clock.now()}
    db.session.execute(update(Connection).where(Connection.sid == sid).values(values))


@transaction
def refresh(sids: Iterable[str]) -> None:
    """Mark these connections as alive, and remove the expired ones."""
    now = clock.now()
    db.session.execute(update(Connection).where(Connection.sid.in_(sids)).values(seen_at=now))
    db.session.execute(delete(Connection).where(Connection.seen_at < now - EXPIRES))


@transaction
def clear() -> None:
    """Remove all connections. When the process starts, they are left over from the last run."""
    db.session.execute(delete(Connection))


def online() -> set[int]:
    """Return the ids of all users who are online."""
    fresh = Connection.seen_at > clock.now() - EXPIRES
    return set(db.session.scalars(select(Connection.user_id).where(fresh)))


def with_online(persons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return these people, each with `online`."""
    here = online()
    return [each | {"online": each["id"] in here} for each in persons]


def sids_of(user_id: int) -> list[str]:
    """Return the open connections of a user."""
    return _sids(Connection.user_id == user_id)


def sids_of_session(session_id: int) -> list[str]:
    """Return the open connections of one session."""
    return _sids(Connection.session_id == session_id)


def _sids(which: object) -> list[str]:
    return list(db.session.scalars(select(Connection.sid).where(which)))  # type: ignore[arg-type]
