"""Accounts: made, renamed, given another password, shut out and deleted; and who may invite."""

import re
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from final_app import clock, invites, log_ins, memberships, passwords, people, rooms
from final_app.errors import Conflict, Forbidden, Invalid, NotFound
from final_app.log_ins import Me
from final_app.models import Invite, User, db
from final_app.store import writes

USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,28}[a-z0-9])?")
NAME_LENGTH = 40  # characters
INVITE_DAYS = 7
INVITE_USES = 20


def anybody() -> bool:
    """Tell whether this installation has any account yet."""
    return db.session.scalar(select(User.id).limit(1)) is not None


def begin(username: str, password: str) -> int:
    """Make the first account, an administrator, the room "general" and an invite; return its number."""
    return _begin(username, passwords.hashed(password))


def create(username: str, password: str, *, admin: bool = False) -> int:
    """Make an account without an invite; return its number. Raises Invalid and Conflict."""
    return _add(username, passwords.hashed(password), "admin" if admin else "member")


def create_bot(username: str) -> tuple[int, str]:
    """Make a bot, which has a token and no password; return its number and the token."""
    user_id = _add(username, "", "bot")
    return user_id, log_ins.begin(user_id, "token", "")


def register(username: str, password: str, code: str, *, open_to_all: bool) -> int:
    """Make an account for somebody with an invite, or for anybody; return its number."""
    if not open_to_all:
        invites.valid(code)  # before the password is hashed: that is dear
    return _register(username, passwords.hashed(password), "" if open_to_all else code)


@writes
def rename(me: Me, name: str) -> None:
    """Change the name that others see; the username stays."""
    name = " ".join(name.split())
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise Invalid(f"A name has 1 to {NAME_LENGTH} visible characters.", field="name")
    db.session.get_one(User, me.id).name = name


def change_password(me: Me, password: str) -> list[int]:
    """Set another password, and end every other log-in; return the numbers of those."""
    set_password(me.id, password)
    return log_ins.end_all(me.id, but=me.log_in_id)


def set_password(user_id: int, password: str) -> None:
    """Give somebody a password. Raises Invalid."""
    _set_hash(user_id, passwords.hashed(password))


def prove(me: Me, password: str, *, field: str = "password") -> None:
    """Raise Forbidden unless it is the person's password."""
    digest = db.session.get_one(User, me.id).password_hash
    db.session.rollback()
    if not passwords.match(digest, password):
        raise Forbidden("This is not your password.", field=field)


@writes
def leave(user_id: int, status: str) -> list[int]:
    """Ban ("banned") or delete ("deleted") an account; return the log-ins that ended.

    What the person wrote stays. A deleted account loses its name, so that another may take it.
    """
    user = people.active(user_id) if status == "banned" else db.session.get_one(User, user_id)
    _check_not_last_admin(user_id)
    user.status = status
    if status == "deleted":
        user.username, user.name, user.password_hash = f"deleted-{user.id}-", "Deleted account", ""
    rooms.forget(user_id)
    return log_ins.end_all(user_id)


@writes
def ban(admin_id: int, user_id: int) -> tuple[list[int], list[int]]:
    """Shut somebody out, as an administrator; return the log-ins that ended and the rooms left."""
    if people.active(admin_id).role != "admin":
        raise Forbidden("Only an administrator may ban.")
    if admin_id == user_id:
        raise Invalid("Nobody bans themselves.")
    left = list(memberships.ids_of(user_id))
    return leave(user_id, "banned"), left


@writes
def unban(user_id: int) -> None:
    """Let somebody back in who was banned, and into the open rooms."""
    user = db.session.get_one(User, user_id)
    if user.status != "banned":
        raise Conflict(f"{user.username} is not banned.")
    user.status = "active"
    rooms.welcome(user_id)


@writes
def set_role(user_id: int, role: str) -> None:
    """Make somebody an administrator ("admin"), or a member again ("member")."""
    user = people.active(user_id)
    if user.role in ("bot", role):
        is_now = {"bot": "a bot", "admin": "an administrator already", "member": "a member already"}
        raise Conflict(f"{user.username} is {is_now[user.role]}.")
    _check_not_last_admin(user_id)
    user.role = role


@writes
def invite(user_id: int) -> dict[str, Any]:
    """Make an invite: {code, expires_at, uses_left}. Raises Forbidden for who is no administrator."""
    if people.active(user_id).role != "admin":
        raise Forbidden("Only an administrator may invite.")
    made = Invite(
        code=clock.token(),
        created_by=user_id,
        expires_at=clock.now() + timedelta(days=INVITE_DAYS),
        uses_left=INVITE_USES,
    )
    db.session.add(made)
    return {"code": made.code, "expires_at": clock.iso(made.expires_at), "uses_left": INVITE_USES}


def first_admin() -> int:
    """Return the administrator who has been here longest. Raises NotFound before the first start."""
    if not (admins := _admins()):
        raise NotFound("There is no administrator yet. Make one: users create NAME --admin.")
    return admins[0]


def open_invite(user_id: int) -> str | None:
    """Return the code of the newest invite that somebody made and that is still good, or None."""
    good = (Invite.uses_left > 0) & (Invite.expires_at > clock.now())
    query = select(Invite.code).where(Invite.created_by == user_id, good)
    return db.session.scalar(query.order_by(Invite.id.desc()).limit(1))


def _admins() -> list[int]:
    query = select(User.id).filter_by(role="admin", status="active").order_by(User.id)
    return list(db.session.scalars(query))


def _check_not_last_admin(user_id: int) -> None:
    if _admins() == [user_id]:
        raise Conflict("The last administrator cannot go. Make another one first.")


@writes
def _begin(username: str, digest: str) -> int:
    if anybody():
        raise Conflict("This installation has an administrator already.")
    user_id = _add(username, digest, "admin")
    rooms.create(user_id, "general", "open")
    invite(user_id)
    return user_id


@writes
def _register(username: str, digest: str, code: str) -> int:
    if code:
        invites.valid(code).uses_left -= 1
    return _add(username, digest, "member")


@writes
def _add(username: str, digest: str, role: str) -> int:
    username = _checked_username(username)
    user = User(
        username=username,
        name=username,
        password_hash=digest,
        role=role,
        created_at=clock.now(),
    )
    db.session.add(user)
    db.session.flush()
    rooms.welcome(user.id)
    return user.id


@writes
def _set_hash(user_id: int, digest: str) -> None:
    user = people.active(user_id)
    if user.role == "bot":
        raise Conflict("A bot has a token, and no password.")
    user.password_hash = digest


def _checked_username(username: str) -> str:
    username = username.strip().lower()
    if not USERNAME.fullmatch(username):
        raise Invalid(
            "A username has 1 to 30 letters from a to z, digits, dots, dashes or underscores, "
            "and begins and ends with a letter or a digit.",
            field="username",
        )
    if db.session.scalar(select(User.id).filter_by(username=username)):
        raise Conflict("Somebody has this name already.", field="username")
    return username
