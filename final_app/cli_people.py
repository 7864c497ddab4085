"""Commands about people: their accounts, bots, and the invites that bring more of them."""

import secrets
import sys

import click
from flask.cli import AppGroup

from final_app import accounts, announce, invites, log_ins, memberships, overview, people
from final_app.errors import Conflict
from final_app.terminal import command

users = AppGroup("users", help="People and their accounts.")
bots = AppGroup("bots", help="Programs that write in rooms: with a token, and without a password.")
codes = AppGroup("invites", help="Codes that let people register.")

from_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input."
)

Rows = list[tuple[object, ...]]


@command(users, "list")
def list_users() -> Rows:
    """Show who has an account: name, shown name, role, and whether it may be used."""
    return overview.rows(overview.USERS)


@command(users, "create NAME")
@click.option("--admin", is_flag=True, help="Let the person run the chat.")
@from_stdin
def create(name: str, admin: bool, password_stdin: bool) -> str:
    """Make an account."""
    password, made = _password(password_stdin)
    _make(name, password, admin)
    return f"Made the account {name.lower()}{', an administrator' if admin else ''}.{made}"


@command(users, "reset-password NAME")
@from_stdin
def reset_password(name: str, password_stdin: bool) -> str:
    """Give somebody another password, and end their log-ins."""
    user_id = people.id_of(name)
    password, made = _password(password_stdin)
    accounts.set_password(user_id, password)
    ended = log_ins.end_all(user_id)
    announce.ended(ended, "password_changed")
    return f"{name.lower()} has a new password; {len(ended)} log-ins ended.{made}"


@command(users, "ban NAME")
def ban(name: str) -> str:
    """Shut somebody out: log-ins end, rooms are left, what was written stays."""
    return f"{name.lower()} is banned; {_shut_out(name, 'banned')} log-ins ended."


@command(users, "unban NAME")
def unban(name: str) -> str:
    """Let somebody back in, and into the open rooms."""
    accounts.unban(people.id_of(name))
    return f"{name.lower()} may log in again, and is in the open rooms."


@command(users, "promote NAME")
def promote(name: str) -> str:
    """Make somebody an administrator."""
    accounts.set_role(people.id_of(name), "admin")
    return f"{name.lower()} is an administrator."


@command(users, "demote NAME")
def demote(name: str) -> str:
    """Make an administrator a member like others."""
    accounts.set_role(people.id_of(name), "member")
    return f"{name.lower()} is no administrator any more."


@command(users, "delete NAME")
def delete(name: str) -> str:
    """Delete an account for good: the name becomes free, what was written stays without it."""
    return f"{name.lower()} is deleted; {_shut_out(name, 'deleted')} log-ins ended."


@command(bots, "create NAME")
def create_bot(name: str) -> str:
    """Make a bot, and print its token: it is shown this once."""
    accounts.first_admin()  # a bot alone would close the door of the first visit
    _, token = accounts.create_bot(name)
    return f"Made the bot {name.lower()}. Its token, shown only now: {token}"


@command(bots, "token NAME")
def new_token(name: str) -> str:
    """Give a bot another token; the one before ends."""
    token = log_ins.renew_token(people.id_of(name))
    return f"{name.lower()} has a new token, shown only now: {token}"


@command(codes, "list")
def list_invites() -> Rows:
    """Show the invites: code, who made it, for how many people, until when."""
    return overview.rows(overview.INVITES)


@command(codes, "create")
@click.option("--by", metavar="NAME", help="The administrator who invites (the first one).")
def create_invite(by: str | None) -> str:
    """Make an invite, and print where it leads."""
    made = accounts.invite(people.id_of(by) if by else accounts.first_admin())
    good_for = f"Good for {made['uses_left']} people, until {made['expires_at']}."
    return f"/register?invite={made['code']}\n{good_for}"


@command(codes, "revoke CODE")
def revoke(code: str) -> str:
    """End an invite before its time."""
    invites.revoke(code)
    return "The invite lets nobody in any more."


def _make(name: str, password: str, admin: bool) -> None:
    """Make an account; the first one comes with the room "general", as at the first visit."""
    if accounts.anybody():
        accounts.create(name, password, admin=admin)
    elif admin:
        accounts.begin(name, password)
    else:
        raise Conflict("The first account is the administrator's: add --admin.")


def _shut_out(name: str, status: str) -> int:
    """Ban or delete somebody, wherever they are logged in; return how many log-ins ended."""
    user_id = people.id_of(name)
    left = list(memberships.ids_of(user_id))
    ended = accounts.leave(user_id, status)
    announce.gone(user_id, ended, left, status)
    return len(ended)


def _password(from_stdin: bool) -> tuple[str, str]:
    """Return a password, and a sentence that tells it when it was made here."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n"), ""
    password = secrets.token_urlsafe(12)
    return password, f" The password: {password}"
