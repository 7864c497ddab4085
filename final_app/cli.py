"""Commands for whoever runs the chat: `flask --app final_app users create ada --admin`."""

import click
from flask import Flask

from final_app import cli_keeping, cli_people, cli_rooms, store


def register(app: Flask) -> None:
    groups = cli_people.users, cli_people.bots, cli_people.codes, cli_rooms.group
    for command in (*groups, *cli_keeping.group.commands.values()):
        app.cli.add_command(command)
    context = click.get_current_context(silent=True)
    if context is not None and context.info_name == "run":  # `flask run` has no other beginning
        with app.app_context():
            store.upgrade()
