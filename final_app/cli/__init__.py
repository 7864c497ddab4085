"""Commands for the operator of the chat, such as `flask --app final_app users create ada --admin`."""

import logging
from typing import Any

import click
from flask import Flask
from flask.cli import FlaskGroup
from flask.helpers import get_debug_flag
from werkzeug.serving import is_running_from_reloader

from final_app import startup
from final_app.cli import maintenance, people, rooms
from final_app.lib.logs import HideQueries


def register(app: Flask) -> None:
    groups = people.users, people.bots, people.codes, rooms.group
    for command in (*groups, *maintenance.group.commands.values()):
        app.cli.add_command(command)
    context = click.get_current_context(silent=True)
    if context and context.info_name == "run" and _serves(context.params):
        logging.getLogger("werkzeug").addFilter(HideQueries())
        startup.prepare(app, context.params["host"])
        startup.start_tasks(app)


def is_command() -> bool:
    """Return whether `flask` creates the application only to run one of the chat's own commands."""
    context = click.get_current_context(silent=True)
    return (
        context is not None and context.parent is None and isinstance(context.command, FlaskGroup)
    )


def _serves(options: dict[str, Any]) -> bool:
    """Return whether `flask run` serves in this process.

    With the reloader, there are two processes, and only the second one serves.
    """
    reloads = get_debug_flag() if options["reload"] is None else options["reload"]
    return is_running_from_reloader() or not reloads
