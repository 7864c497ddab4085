"""Accounts: a password proves who somebody is; from then on, a cookie does."""

from checks import ChatError
from flask import session
from models import LogIn, User, db
from werkzeug.security import check_password_hash, generate_password_hash

LEAST = 8  # characters of a password
NOBODYS = generate_password_hash("")  # compared with where nobody has the name: as slow


def register(username: str, password: str) -> None:
    """Make an account. Raises ChatError when the name is taken, or the password too short."""
    if db.session.scalar(db.select(User).filter_by(username=username)):
        raise ChatError("conflict", f"Somebody is called {username} already.", field="username")
    if len(password) < LEAST:
        raise ChatError("invalid", f"A password has {LEAST} characters or more.", field="password")
    db.session.add(User(username=username, password_hash=generate_password_hash(password)))
    db.session.commit()


def recognise(username: str, password: str) -> User:
    """Return whose name and password it is. Raises ChatError: the same, whichever is wrong."""
    user = db.session.scalar(db.select(User).filter_by(username=username.strip()))
    if not check_password_hash(user.password_hash if user else NOBODYS, password) or not user:
        raise ChatError("unauthorized", "Wrong name or password.")
    return user


def caller() -> User | None:
    """Return who asks, looked up anew each time: a log-in may have ended since."""
    return db.session.scalar(db.select(User).join(LogIn).filter_by(token=session.get("token")))


def known() -> User:
    """Return who asks. Raises ChatError for a stranger."""
    if me := caller():
        return me
    raise ChatError("unauthorized", "You are not logged in (any more).")
