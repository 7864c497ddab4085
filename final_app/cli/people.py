"""Commands about people: accounts, bots and invites."""

import secrets
import sys

import click
from flask.cli import AppGroup
from sqlalchemy import select

from final_app.accounts import accounts, invites, sessions
from final_app.chat import people
from final_app.cli.command import command, rows
from final_app.errors import Conflict
from final_app.lib import clock
from final_app.storage.models import Invite, User, db

users = AppGroup("users", help="Manage accounts.")
bots = AppGroup("bots", help="Manage bots: programs that post messages, using a token.")
codes = AppGroup("invites", help="Manage invites: codes that let people register.")

from_stdin = click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from standard input (default: generate one and print it).",
)

Rows = list[tuple[object, ...]]


@command(users, "list")
def list_users() -> Rows:
    """List the accounts: username, display name, role and status."""
    return rows("""
        SELECT username, name, role, status FROM users WHERE status <> 'deleted' ORDER BY username
    """)


@command(users, "create NAME")
@click.option("--admin", is_flag=True, help="Make the user an administrator.")
@from_stdin
def create(name: str, admin: bool, password_stdin: bool) -> str:
    """Create an account. The first must be an administrator (--admin), and owns the room "general"."""
    password, told = _password(password_stdin)
    if accounts.exist():
        accounts.create(name, password, admin=admin)
    elif admin:
        accounts.bootstrap(name, password)
    else:
        raise Conflict("The first account must be an administrator. Add --admin.")
    return f"Created the account {name.lower()}{' (administrator)' if admin else ''}.{told}"


@command(users, "reset-password NAME")
@from_stdin
def reset_password(name: str, password_stdin: bool) -> str:
    """Set a user's password and end their sessions."""
    # The password comes first, because typing it takes longer than a transaction may.
    password, told = _password(password_stdin)
    ended = accounts.set_password(people.id_of(name), password)
    return f"{name.lower()} has a new password. {_sessions(ended)} ended.{told}"


@command(users, "ban NAME")
def ban(name: str) -> str:
    """Ban a user: end their sessions, remove them from all but direct rooms, and revoke all invites."""
    ended = accounts.deactivate(people.id_of(name), "banned")
    return f"{name.lower()} is banned. {_sessions(ended)} ended."


@command(users, "unban NAME")
def unban(name: str) -> str:
    """Lift a ban and add the user to the open rooms again."""
    accounts.unban(people.id_of(name, banned_too=True))
    return f"{name.lower()} can log in again and is back in the open rooms."


@command(users, "promote NAME")
def promote(name: str) -> str:
    """Make a user an administrator."""
    accounts.set_role(people.id_of(name), "admin")
    return f"{name.lower()} is an administrator."


@command(users, "demote NAME")
def demote(name: str) -> str:
    """Make an administrator an ordinary member, and revoke the invites that they created."""
    accounts.set_role(people.id_of(name), "member")
    return f"{name.lower()} is no longer an administrator."


@command(users, "delete NAME")
def delete(name: str) -> str:
    """Permanently delete an account.

    Somebody else can then use the username. The messages remain, with "Deleted account" as author.
    """
    ended = accounts.deactivate(people.id_of(name, banned_too=True), "deleted")
    return f"{name.lower()} is deleted. {_sessions(ended)} ended."


@command(bots, "create NAME")
def create_bot(name: str) -> str:
    """Create a bot and print its token, which is shown only once."""
    accounts.first_admin()  # if a bot were the first account, nobody could log in
    _, token = accounts.create_bot(name)
    return f"Created the bot {name.lower()}. Its token (shown only once): {token}"


@command(bots, "token NAME")
def new_token(name: str) -> str:
    """Give a bot a new token. The old one stops working."""
    token = sessions.renew_token(people.id_of(name))
    return f"{name.lower()} has a new token (shown only once): {token}"


@command(codes, "list")
def list_invites() -> Rows:
    """List the invites: code, creator, uses left and expiry date."""
    found = db.session.execute(
        select(Invite.code, User.username, Invite.uses_left, Invite.expires_at)
        .join(User, User.id == Invite.created_by)
        .order_by(Invite.id)
    )
    return [(*columns, clock.iso(expires_at)) for *columns, expires_at in found]


@command(codes, "create")
@click.option(
    "--by",
    metavar="NAME",
    help="Username of an administrator (default: the first one).",
)
def create_invite(by: str | None) -> str:
    """Create an invite, and print its link without the address of the chat."""
    made = invites.create(people.id_of(by) if by else accounts.first_admin())
    good_for = f"Valid for {made['uses_left']} people until {made['expires_at']}."
    return f"/register?invite={made['code']}\n{good_for}"


@command(codes, "revoke CODE")
def revoke(code: str) -> str:
    """Revoke an invite before it expires. CODE can also be its link."""
    invites.revoke(code.rpartition("=")[2])
    return "This invite no longer works."


def _sessions(count: int) -> str:
    return f"{count} session{'' if count == 1 else 's'}"


def _password(from_stdin: bool) -> tuple[str, str]:
    """Return a password and, if it was generated, a sentence that contains it."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), ""
    password = secrets.token_urlsafe(12)
    return password, f" The password: {password}"
