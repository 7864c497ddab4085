"""Accounts: a password proves who somebody is, and a session remembers it until it ends."""

import secrets
from pathlib import Path
from urllib.parse import quote

from checks import ChatError
from flask import Flask, session
from flask_wtf import CSRFProtect
from models import Login, User, db
from werkzeug.security import check_password_hash, generate_password_hash

LEAST = 8  # characters in a password
NO_HASH = generate_password_hash("")  # so that checking an unknown name takes just as long


def init_app(app: Flask) -> None:
    """Sign the app's cookies with the app's own key, and check the CSRF token of each form."""
    key = Path(app.instance_path, "secret_key")  # created at the first start, and then kept
    key.touch(mode=0o600)
    key.write_text(key.read_text() or secrets.token_hex())
    app.config["SECRET_KEY"] = key.read_text()
    # Browsers send a cookie to every port of a computer, so each chat needs its own name for it.
    app.config["SESSION_COOKIE_NAME"] = f"chat_{quote(Path(app.root_path).name)}"
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # a page can stay open for days
    CSRFProtect(app)


def register(username: str, password: str) -> User:
    """Create an account. Raises ChatError if the name is taken or the password is too short."""
    if db.session.scalar(db.select(User).filter_by(username=username)):
        raise ChatError("conflict", f"The name {username} is taken.", field="username")
    if len(password) < LEAST:
        raise ChatError(
            "invalid", f"Choose a password of {LEAST} characters or more.", field="password"
        )
    user = User(username=username, password_hash=generate_password_hash(password))
    db.session.add(user)
    db.session.commit()
    return user


def authenticate(username: str, password: str) -> User:
    """Return the user with this name and password. Raises the same ChatError whichever is wrong."""
    user = db.session.scalar(db.select(User).filter_by(username=username.strip()))
    if not check_password_hash(user.password_hash if user else NO_HASH, password) or not user:
        raise ChatError("unauthorized", "Wrong name or password.")
    return user


def start_session(user: User) -> None:
    """Log a user in. The browser gets a cookie with a token that nobody can guess."""
    session["token"] = secrets.token_urlsafe()
    db.session.add(Login(token=session["token"], user_id=user.id))
    db.session.commit()


def delete_sessions(*which: object) -> list[str]:
    """Delete the sessions that these conditions select. Return their tokens."""
    tokens = db.session.scalars(db.delete(Login).where(*which).returning(Login.token)).all()
    db.session.commit()
    return list(tokens)


def current_user() -> User | None:
    """Return the user whose token came with this request, or None if their session has ended."""
    return db.session.scalar(db.select(User).join(Login).filter_by(token=session.get("token")))


def require_user() -> User:
    """Return the current user. Raises ChatError if nobody is logged in."""
    if user := current_user():
        return user
    raise ChatError("unauthorized", "You are not logged in.")
