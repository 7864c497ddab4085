"""Commands for whoever runs the chat: `flask --app final_app users create ada --admin`."""

import secrets
import sys
from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select

from final_app import accounts, announce, log_ins, memberships, messages, store
from final_app.errors import ChatError, Conflict, NotFound
from final_app.models import User, db

users = AppGroup("users", help="People and their accounts.")
invites = AppGroup("invites", help="Codes that let people register.")

from_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input."
)

DEMO = {
    "ada": ["Good morning! The engine is warm.", "Try `@bo` to call somebody by name, @bo."],
    "bo": ["I am here, @ada.", "**Bold**, *slanted*, and a list:\n\n- one\n- two"],
    "cy": ["```\nprint('Hello')\n```", "That is all of us."],
}


def register(app: Flask) -> None:
    for command in (users, invites):
        app.cli.add_command(command)
    app.cli.add_command(seed_demo)
    context = click.get_current_context(silent=True)
    if context is not None and context.info_name == "run":  # `flask run` has no other beginning
        with app.app_context():
            store.upgrade()


@users.command("create")
@click.argument("name")
@click.option("--admin", is_flag=True, help="Let the person run the chat.")
@from_stdin
def create(name: str, admin: bool, password_stdin: bool) -> None:
    """Make an account."""
    password, made = _password(password_stdin)
    _said(lambda: _make(name, password, admin))
    click.echo(f"Made the account {name.lower()}{', an administrator' if admin else ''}.{made}")


@users.command("reset-password")
@click.argument("name")
@from_stdin
def reset_password(name: str, password_stdin: bool) -> None:
    """Give somebody another password, and end their log-ins."""
    password, made = _password(password_stdin)
    user_id = _said(lambda: _user_id(name))
    _said(lambda: accounts.set_password(user_id, password))
    ended = log_ins.end_all(user_id)
    announce.ended(ended, "password_changed")
    click.echo(f"{name.lower()} has a new password; {len(ended)} log-ins ended.{made}")


@users.command("ban")
@click.argument("name")
def ban(name: str) -> None:
    """Shut somebody out: log-ins end, rooms are left, what was written stays."""
    user_id = _said(lambda: _user_id(name))
    left = list(memberships.ids_of(user_id))
    ended = _said(lambda: accounts.leave(user_id, "banned"))
    announce.gone(user_id, ended, left, "banned")
    click.echo(f"{name.lower()} is banned; {len(ended)} log-ins ended.")


@invites.command("create")
@click.option("--by", metavar="NAME", help="The administrator who invites (the first one).")
def create_invite(by: str | None) -> None:
    """Make an invite, and print where it leads."""
    made = _said(lambda: accounts.invite(_user_id(by) if by else accounts.first_admin()))
    click.echo(
        f"/register?invite={made['code']}\n"
        f"Good for {made['uses_left']} people, until {made['expires_at']}."
    )


@click.command("seed-demo")
@with_appcontext
def seed_demo() -> None:
    """Fill an empty installation with Ada, Bo and Cy, for a look around."""
    password = secrets.token_urlsafe(9)

    def seed() -> None:
        ids = {"ada": accounts.begin("ada", password)}
        ids |= {name: accounts.create(name, password) for name in ("bo", "cy")}
        general = memberships.of(ids["ada"])[0]["id"]
        for number in range(2):
            for name, lines in DEMO.items():
                client_id = f"00000000-0000-4000-8000-{ids[name]:06d}{number:06d}"
                messages.post(ids[name], general, client_id, lines[number], None)

    _said(seed)
    click.echo(f"ada (administrator), bo and cy are here. Their password: {password}")


def _make(name: str, password: str, admin: bool) -> int:
    """Make an account; the first one comes with the room "general", as at the first visit."""
    if accounts.anybody():
        return accounts.create(name, password, admin=admin)
    if not admin:
        raise Conflict("The first account is the administrator's: add --admin.")
    return accounts.begin(name, password)


def _user_id(name: str) -> int:
    found = db.session.scalar(select(User.id).filter_by(username=name.lower()))
    if found is None:
        raise NotFound(f"There is nobody called {name!r}.")
    return found


def _password(from_stdin: bool) -> tuple[str, str]:
    """Return a password, and a sentence that tells it when it was made here."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n"), ""
    password = secrets.token_urlsafe(12)
    return password, f" The password: {password}"


def _said(work: Any) -> Any:
    """Run something on tables that are there, and turn a refusal into a line for the terminal."""
    store.upgrade()
    try:
        return work()
    except ChatError as refusal:
        raise click.ClickException(refusal.message) from None
