"""Who is here: every open connection is a row, and a person is online while one is left."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import case, delete, or_, select, update

from final_app import clock
from final_app.models import Connection, LogIn, User, db
from final_app.store import writes

REFRESH = 50.0  # seconds between two signs of life
CHECK = 2.0  # seconds between two looks for sockets whose log-in has ended elsewhere
FORGET = timedelta(seconds=90)  # without a sign of life


@writes
def arrive(sid: str, log_in_id: int, user_id: int) -> bool:
    """Note a connection; tell whether it is the person's first."""
    first = not _sids(Connection.user_id == user_id)
    db.session.add(Connection(sid=sid, session_id=log_in_id, user_id=user_id, seen_at=clock.now()))
    return first


@writes
def leave(sid: str) -> int | None:
    """Forget a connection; return the person if it was the last one of theirs."""
    row = db.session.get(Connection, sid)
    if row is None:
        return None
    user_id = row.user_id
    db.session.delete(row)
    db.session.flush()
    return None if _sids(Connection.user_id == user_id) else user_id


@writes
def view(sid: str, room_id: int | None, visible: bool) -> None:
    """Note which room is on a person's screen, and whether they look."""
    values = {"room_id": room_id, "visible": visible, "seen_at": clock.now()}
    db.session.execute(update(Connection).where(Connection.sid == sid).values(values))


@writes
def refresh(sids: Iterable[str]) -> None:
    """Note a sign of life of some connections, and forget those that give none."""
    now = clock.now()
    db.session.execute(update(Connection).where(Connection.sid.in_(sids)).values(seen_at=now))
    db.session.execute(delete(Connection).where(Connection.seen_at < now - FORGET))


@writes
def clear() -> None:
    """Forget every connection: at the start of the only process, what is noted is from before."""
    db.session.execute(delete(Connection))


def online() -> set[int]:
    """Return the numbers of the people who are here."""
    fresh = Connection.seen_at > clock.now() - FORGET
    return set(db.session.scalars(select(Connection.user_id).where(fresh)))


def orphans() -> list[tuple[str, str]]:
    """Return the connections whose log-in has ended or whose person has gone, each with the reason."""
    reason = case((User.status == "active", "ended"), else_=User.status)
    rows = db.session.execute(
        select(Connection.sid, reason)
        .join(User, User.id == Connection.user_id)
        .outerjoin(LogIn, LogIn.id == Connection.session_id)
        .where(or_(LogIn.id.is_(None), User.status != "active"))
    )
    return [(sid, why) for sid, why in rows]


def marked(persons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return people, each with `online`."""
    here = online()
    return [each | {"online": each["id"] in here} for each in persons]


def sids_of(user_id: int) -> list[str]:
    """Return a person's open connections."""
    return _sids(Connection.user_id == user_id)


def sids_of_log_in(log_in_id: int) -> list[str]:
    """Return the open connections of one log-in."""
    return _sids(Connection.session_id == log_in_id)


def _sids(which: object) -> list[str]:
    return list(db.session.scalars(select(Connection.sid).where(which)))  # type: ignore[arg-type]
