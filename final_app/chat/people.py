"""People: active accounts, as other users see them."""

from typing import Any

from sqlalchemy import func, select

from final_app.errors import NotFound
from final_app.storage.models import User, db


def to_dict(user: User) -> dict[str, Any]:
    """Return {id, username, name, role}."""
    return {"id": user.id, "username": user.username, "name": user.name, "role": user.role}


def get_active(user_id: int) -> User:
    """Return the user with this id. Raises NotFound if the account is banned or deleted."""
    user = db.session.get(User, user_id)
    if user is None or user.status != "active":
        raise NotFound("There is no such person.")
    return user


def everybody() -> list[dict[str, Any]]:
    """Return all active users, sorted by name."""
    query = select(User).filter_by(status="active").order_by(func.lower(User.name))
    return [to_dict(user) for user in db.session.scalars(query)]


def active_ids() -> list[int]:
    """Return the ids of all active users."""
    return list(db.session.scalars(select(User.id).filter_by(status="active")))


def id_of(username: str) -> int:
    """Return the id of the account with this username, even a banned one. Raises NotFound."""
    found = db.session.scalar(select(User.id).filter_by(username=username.lower()))
    if found is None:
        raise NotFound(f"There is no account called {username!r}.")
    return found
