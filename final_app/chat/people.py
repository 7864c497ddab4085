"""People: active accounts, as other users see them.

Every change to a person gets the next `rev`, as every change in a room does. With this number, a page
can find out whether its list of people is up to date.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from final_app.errors import Conflict, NotFound
from final_app.facts import PersonChanged, PersonGone
from final_app.storage.models import User, db, table
from final_app.storage.statements import Statement
from final_app.storage.transaction import execute, record

TAG_LENGTH = 16  # hexadecimal digits

users = table(User)
_REV = Statement(select(func.max(users.c.rev).label("rev")))
_EVERYBODY = (
    select(users.c.id, users.c.username, users.c.name, users.c.role)
    .where(users.c.status == "active")
    .order_by(func.lower(users.c.name))
)

_TWO = select(users.c.id).where(users.c.status == "active").limit(2)


@dataclass(frozen=True)
class Listing:
    """The list of all people at a certain `rev`.

    `body` is the JSON {ok, people, rev}. `tag` is a hash of it: another list has another tag.
    """

    rev: int
    body: bytes
    tag: str


def to_dict(user: User) -> dict[str, Any]:
    """Return {id, username, name, role}."""
    return {"id": user.id, "username": user.username, "name": user.name, "role": user.role}


def get_active(user_id: int, *, lock: bool = False) -> User:
    """Return the user with this id. Raises NotFound if the account is banned or deleted.

    With `lock`, nobody else can change the user's row until the end of the transaction.
    """
    user = db.session.get(User, user_id, with_for_update={"key_share": True} if lock else None)
    if user is None or user.status != "active":
        raise NotFound("There is no such person.")
    return user


def everybody() -> list[dict[str, Any]]:
    """Return all active users, sorted by name."""
    return [dict(each) for each in db.session.execute(_EVERYBODY).mappings()]


def listing(last: Listing | None) -> Listing:
    """Return the list of all people. If nobody has changed since `last`, this is `last`."""
    # Read this before the list. If the list is newer than its number, the next call reads it again.
    now = rev()
    if last is not None and last.rev == now:
        return last
    told = {"ok": True, "people": everybody(), "rev": now}
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return Listing(now, body, hashlib.sha256(body).hexdigest()[:TAG_LENGTH])


def rev() -> int:
    """Return the number of the last change to any person."""
    return execute(_REV)[0].rev or 0


def changed(user_id: int) -> None:
    """Give a change to a person the next `rev` and record a fact, in the caller's transaction."""
    record(PersonChanged(user_id, _next_rev(user_id)))


def gone(user_id: int) -> None:
    """Do the same as `changed` for an account that was banned or deleted."""
    record(PersonGone(user_id, _next_rev(user_id)))


def is_alone() -> bool:
    """Return whether there is only one active account."""
    return len(db.session.execute(_TWO).all()) == 1


def active_ids() -> list[int]:
    """Return the ids of all active users."""
    return list(db.session.scalars(select(User.id).filter_by(status="active")))


def joined_since(moment: datetime) -> list[int]:
    """Return the ids of the active users whose accounts were created after a given time."""
    query = select(User.id).where(User.status == "active", User.created_at > moment)
    return list(db.session.scalars(query))


def id_of(username: str, *, banned_too: bool = False) -> int:
    """Return the id of the account with this username, for commands.

    Raises NotFound and, unless `banned_too`, Conflict if the account is banned.
    """
    found = db.session.scalar(select(User).filter_by(username=username.lower()))
    if found is None:
        raise NotFound(f"There is no account called {username!r}.")
    if found.status == "banned" and not banned_too:
        name = found.username
        raise Conflict(f"{name} is banned. To lift the ban, run: users unban {name}")
    return found.id


def _next_rev(user_id: int) -> int:
    db.session.flush()
    number = rev() + 1
    db.session.execute(update(users).where(users.c.id == user_id).values(rev=number))
    return number
