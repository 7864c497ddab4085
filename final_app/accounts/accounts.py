"""Create, change, ban and delete accounts."""

import re

from sqlalchemy import select

from final_app.accounts import invites, passwords, sessions
from final_app.accounts.sessions import Identity
from final_app.chat import memberships, people, rooms
from final_app.errors import Conflict, Forbidden, Invalid, NotFound
from final_app.facts import MembershipChanged
from final_app.lib import clock, names
from final_app.storage.models import User, db
from final_app.storage.transaction import exclusive_transaction, record

USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,28}[a-z0-9])?")
NAME_LENGTH = 40  # characters


def exist() -> bool:
    """Return whether this installation has any accounts yet."""
    return db.session.scalar(select(User.id).limit(1)) is not None


def bootstrap(username: str, password: str) -> int:
    """Create the first administrator, the room "general" and an invite. Return the user's id."""
    return _bootstrap(username, passwords.hash_password(password))


def create(username: str, password: str, *, admin: bool = False) -> int:
    """Create an account and return its id. This needs no invite. Raises Invalid and Conflict."""
    return _add(username, passwords.hash_password(password), "admin" if admin else "member")


def create_bot(username: str) -> tuple[int, str]:
    """Create a bot, which has a token instead of a password. Return its id and its token."""
    user_id = _add(username, "", "bot")
    return user_id, sessions.create(user_id, "token", "")


def register(username: str, password: str, code: str, *, open_to_all: bool) -> int:
    """Create an account and return its id. Unless `open_to_all`, this needs the code of an invite."""
    if not open_to_all:
        invites.get_valid(code)  # before the password is hashed, which is expensive
    return _register(username, passwords.hash_password(password), "" if open_to_all else code)


@exclusive_transaction
def rename(identity: Identity, name: str) -> None:
    """Change the display name. The username stays the same."""
    sessions.check(identity.session_id)
    name = names.checked(name, NAME_LENGTH, "A name")
    _check_free(name, "name", identity.id)
    db.session.get_one(User, identity.id).name = name
    people.changed(identity.id)


def set_password(user_id: int, password: str, *, keep_session: int = 0) -> int:
    """Set a password and end all sessions except `keep_session`. Return how many ended.

    Raises Invalid, and Unauthorized if `keep_session` has ended.
    """
    digest = passwords.hash_password(password)
    return _store_password(user_id, digest, keep_session=keep_session)


def check_password(identity: Identity, password: str, *, field: str = "password") -> None:
    """Raise Forbidden unless this is the user's password, and Conflict for a bot."""
    user = db.session.get_one(User, identity.id)
    _check_has_password(user)
    if not passwords.verify(user.password_hash, password):
        raise Forbidden("That's not your password.", field=field)


@exclusive_transaction
def deactivate(user_id: int, status: str) -> int:
    """Ban ("banned") or delete ("deleted") an account. Return how many sessions ended.

    The user's messages remain. A deleted account loses its username and display name, so that somebody
    else can use them, and the invites that the user created are deleted. A banned account keeps its
    names, and all invites are deleted. Raises NotFound, and Conflict for the last administrator.
    """
    if status == "banned":
        people.get_active(user_id)
    user = db.session.get_one(User, user_id, with_for_update={"key_share": True})
    _check_not_last_admin(user_id)
    user.status = status
    if status == "deleted":
        user.username, user.name, user.password_hash = f"deleted-{user.id}-", "Deleted account", ""
    rooms.leave_all(user_id)
    if status == "banned":
        invites.revoke_all()  # the user may know any of them, and could register again
    else:
        invites.revoke_of(user_id)
    ended = sessions.end_all(user_id, status)
    people.gone(user_id)
    return ended


@exclusive_transaction
def delete(identity: Identity) -> None:
    """Delete the account of the current user. Raises Unauthorized and Conflict."""
    sessions.check(identity.session_id)
    deactivate(identity.id, "deleted")


@exclusive_transaction
def ban(admin_id: int, user_id: int) -> None:
    """Ban a user. Raises Forbidden unless `admin_id` is an administrator."""
    if people.get_active(admin_id).role != "admin":
        raise Forbidden("Only an administrator can ban people.")
    if admin_id == user_id:
        raise Invalid("You can't ban yourself.")
    deactivate(user_id, "banned")


def username_of(**account: int | str) -> str:
    """Return the username of the account with this `id` or `username`, or "unknown" if there is none."""
    return db.session.scalar(select(User.username).filter_by(**account)) or "unknown"


@exclusive_transaction
def unban(user_id: int) -> None:
    """Lift a ban and add the user to the open rooms again, even to those that are archived."""
    user = db.session.get_one(User, user_id)
    if user.status != "banned":
        raise Conflict(f"{user.username} is not banned.")
    user.status = "active"
    rooms.join_open_rooms(user_id, archived_too=True)
    people.changed(user_id)


@exclusive_transaction
def set_role(user_id: int, role: str) -> None:
    """Make a user an administrator ("admin") or an ordinary member ("member").

    The invites of an administrator who becomes a member are deleted.
    """
    user = people.get_active(user_id)
    if user.role in ("bot", role):
        is_now = {"bot": "a bot", "admin": "already an administrator", "member": "already a member"}
        raise Conflict(f"{user.username} is {is_now[user.role]}.")
    _check_not_last_admin(user_id)
    user.role = role
    if role == "member":
        invites.revoke_of(user_id)
    people.changed(user_id)
    for room_id in memberships.ids_of(user_id):
        record(MembershipChanged(room_id, user_id))  # because `can_moderate` changed


def first_admin() -> int:
    """Return the id of the oldest administrator. Raises NotFound if there is none yet."""
    if not (admins := _admins()):
        raise NotFound("There is no administrator yet. Create one: `users create NAME --admin`.")
    return admins[0]


def _admins() -> list[int]:
    query = select(User.id).filter_by(role="admin", status="active").order_by(User.id)
    return list(db.session.scalars(query))


def _check_not_last_admin(user_id: int) -> None:
    if _admins() == [user_id]:
        raise Conflict("This is the only administrator. Make someone else an administrator first.")


@exclusive_transaction
def _bootstrap(username: str, digest: str) -> int:
    if exist():
        raise Conflict("This installation already has an administrator.")
    user_id = _add(username, digest, "admin")
    rooms.create(user_id, "general", "open")
    invites.create(user_id)
    return user_id


@exclusive_transaction
def _register(username: str, digest: str, code: str) -> int:
    if code:
        invites.get_valid(code).uses_left -= 1
    return _add(username, digest, "member")


@exclusive_transaction
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
    rooms.join_open_rooms(user.id)
    people.changed(user.id)
    return user.id


@exclusive_transaction
def _store_password(user_id: int, digest: str, *, keep_session: int) -> int:
    if keep_session:
        sessions.check(keep_session)
    user = people.get_active(user_id, lock=True)
    _check_has_password(user)
    user.password_hash = digest
    return sessions.end_all(user_id, "password_changed", but=keep_session)


def _check_has_password(user: User) -> None:
    if user.role == "bot":
        raise Conflict(
            "A bot has no password, only a token. To change the token, run `bots token`; "
            "to delete the bot, run `users delete`."
        )


def _checked_username(username: str) -> str:
    username = username.strip().lower()
    if not USERNAME.fullmatch(username):
        raise Invalid(
            "A username must have 1 to 30 characters: letters from a to z, digits, dots, dashes or "
            "underscores. It must start and end with a letter or digit.",
            field="username",
        )
    _check_free(username, "username")
    return username


def _check_free(name: str, field: str, owner_id: int = 0) -> None:
    """Raise Conflict if this name looks like the display name or username of anybody else.

    The names of banned people count too, because a ban can be lifted.
    """
    others = db.session.execute(select(User.username, User.name).where(User.id != owner_id))
    if names.folded(name) in {names.folded(taken) for other in others for taken in other}:
        raise Conflict("This name is already taken.", field=field)
