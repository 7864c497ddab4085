"""What all commands share: a migrated database, one-line errors and tables of rows."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import click
from flask.cli import AppGroup

from final_app.errors import ChatError
from final_app.storage import database, outbox

Work = Callable[..., Any]


def command(group: AppGroup, usage: str, *, tables: bool = True) -> Callable[[Work], click.Command]:
    """Decorate a command, such as "ban NAME", that returns a sentence or rows to print.

    Unless `tables` is false, the database is migrated to this version of the chat first.
    """
    name, *arguments = usage.split()

    def register(work: Work) -> click.Command:
        @functools.wraps(work)
        def run(**given: Any) -> None:
            outbox.current().has_sockets = False
            if tables:
                database.upgrade()
            try:
                told = work(**given)
            except ChatError as refusal:
                raise click.ClickException(refusal.message) from None
            click.echo(told if isinstance(told, str) else _columns(told))

        for argument in reversed(arguments):
            run = click.argument(argument.lower())(run)
        command: click.Command = group.command(name)(run)
        return command

    return register


def _columns(rows: Sequence[Sequence[object]]) -> str:
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
    return "\n".join(lines) or "There are none."
