"""People as others see them."""

from typing import Any

from sqlalchemy import func, select

from final_app.errors import NotFound
from final_app.models import User, db


def as_person(user: User) -> dict[str, Any]:
    """Return {id, username, name, role}."""
    return {"id": user.id, "username": user.username, "name": user.name, "role": user.role}


def active(user_id: int) -> User:
    """Return somebody who has an account and may use it. Raises NotFound."""
    user = db.session.get(User, user_id)
    if user is None or user.status != "active":
        raise NotFound("There is no such person.")
    return user


def everybody() -> list[dict[str, Any]]:
    """Return everyone who has an account and may use it, by name."""
    query = select(User).filter_by(status="active").order_by(func.lower(User.name))
    return [as_person(user) for user in db.session.scalars(query)]


def id_of(username: str) -> int:
    """Return the number of the account with this name, a banned one too. Raises NotFound."""
    found = db.session.scalar(select(User.id).filter_by(username=username.lower()))
    if found is None:
        raise NotFound(f"There is nobody called {username!r}.")
    return found
