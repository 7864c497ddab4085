"""Commands for the operator of the chat, such as `flask --app final_app users create ada --admin`."""

from typing import Any

import click
from flask import Flask
from flask.helpers import get_debug_flag
from werkzeug.serving import is_running_from_reloader

from final_app.cli import maintenance, people, rooms
from final_app.storage import database
from final_app.web.first_run import require_code


def register(app: Flask) -> None:
    groups = people.users, people.bots, people.codes, rooms.group
    for command in (*groups, *maintenance.group.commands.values()):
        app.cli.add_command(command)
    context = click.get_current_context(silent=True)
    if context is not None and context.info_name == "run":  # only here can `flask run` migrate
        with app.app_context():
            database.upgrade()
            if _serves(context.params):
                require_code(context.params["host"])


def _serves(options: dict[str, Any]) -> bool:
    """Tell whether `flask run` serves in this process. With the reloader its second process does."""
    reloads = get_debug_flag() if options["reload"] is None else options["reload"]
    return is_running_from_reloader() or not reloads
