"""What all commands have in common: a migrated database, one-line errors and tables of rows."""

import functools
import getpass
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click
from flask.cli import AppGroup

from final_app import current, hardening
from final_app.errors import ChatError, NotFound
from final_app.lib import audit
from final_app.storage import database, outbox
from final_app.storage.models import db

Work = Callable[..., Any]

READ_ONLY = {"audit", "list", "members", "storage"}
BEGINS = {"create", "seed-demo"}  # can be the first command; all others need a chat
# The arguments that the security log contains. The code of an invite is not among them.
NAMED = ("name", "slug", "owner", "path", "admin")


def command(group: AppGroup, usage: str, *, tables: bool = True) -> Callable[[Work], click.Command]:
    """Decorate a command such as "ban NAME". It returns a sentence or rows, which are printed.

    Unless `tables` is false, the database is first migrated to this version of the chat.
    """
    name, *arguments = usage.split()

    def register(work: Work) -> click.Command:
        @functools.wraps(work)
        def run(**given: Any) -> None:
            outbox.current().has_sockets = False
            _check_texts(given)
            try:
                _check_chat(name)
                if tables and database.upgrade():
                    if path := current.settings().database_path:
                        hardening.give_to_owner(path)
                    where = db.engine.url.render_as_string(hide_password=True)
                    click.echo(
                        f"The database was empty, so its tables were created: {where}", err=True
                    )
                with _audited(group, name, given):
                    told = work(**given)
            except ChatError as refusal:
                raise click.ClickException(refusal.message) from None
            click.echo(_printable(told if isinstance(told, str) else _columns(told)))

        for argument in reversed(arguments):
            run = click.argument(argument.lower())(run)
        command: click.Command = group.command(name)(run)
        return command

    return register


def _check_chat(name: str) -> None:
    """Create the data folder if a command may do so. Otherwise, raise NotFound if there is no chat."""
    path = current.settings().database_path
    if name in BEGINS:
        hardening.secret_key(current.settings())
    # The security log outlives a lost database, and PostgreSQL has its own backups.
    elif name != "audit" and (path or name != "backup"):
        database.current().check(whole=False)
        if (path and not path.exists()) or database.is_empty():
            where = path or db.engine.url.render_as_string(hide_password=True)
            raise NotFound(
                f"There is no chat in {where}. Correct CHAT_DATA_DIR or CHAT_DATABASE_URL."
            )


def _check_texts(given: dict[str, Any]) -> None:
    """Raise ClickException if an argument contains bytes that the terminal did not send as text."""
    for name, value in given.items():
        try:
            str(value).encode()
        except UnicodeEncodeError:
            raise click.ClickException(f"Expected text for {name}, got {value!r}.") from None


def rows(statement: str, **values: int) -> list[tuple[Any, ...]]:
    """Run an SQL statement and return its rows."""
    return [tuple(row) for row in db.session.execute(db.text(statement), values)]


def _audited(group: AppGroup, name: str, given: dict[str, Any]) -> AbstractContextManager[None]:
    """Return a context manager that records a command, unless the command only reads."""
    if name in READ_ONLY:
        return nullcontext()
    audit.to_system_log()
    about = {each: given[each] for each in NAMED if each in given}
    who = os.environ.get("SUDO_USER") or _system_user()
    event = f"{group.name}_{name}".removeprefix("keeping_").replace("-", "_")
    return audit.audited(event, who, "command", **about)


def _system_user() -> str:
    """Return the name of the user who runs this process. Cron and containers do not set USER."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a user without a name, or Windows without a variable
        return "operator"


def _printable(text: str) -> str:
    """Replace the letters that the output cannot contain, such as some names in a file on Windows."""
    encoding = sys.stdout.encoding
    return text.encode(encoding, "replace").decode(encoding)


def _columns(rows: Sequence[Sequence[object]]) -> str:
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
    return "\n".join(lines) or "There are none."
