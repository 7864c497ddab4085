"""Protect the chat's data and the debugger from other users of the machine."""

import os
import secrets
import shlex
from pathlib import Path

from sqlalchemy.engine import make_url

from final_app.config import Settings

PIN_DIGITS = 12
OTHERS = 0o077  # the permission bits of the group and of others


def protect_process() -> None:
    """Make new files private to their owner, and the debugger's PIN impossible to guess.

    Every way to start the chat calls this, so file modes do not depend on a shell or on systemd:
    folders are 0700 and files 0600. Werkzeug would calculate the PIN of its debugger
    (`flask run --debug`) from facts that every user of the machine can find out.
    """
    os.umask(OTHERS)
    pin = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"
    os.environ.setdefault("WERKZEUG_DEBUG_PIN", pin)  # the reloader's next process uses it too


def commands_that_close(settings: Settings) -> list[str]:
    """Return the commands that make existing data private; a new folder needs none.

    An older version created its folder with the umask of the shell. The chat does not change the mode
    of existing files: the administrator may have given access to a group, such as that of a backup
    program, and would notice the change only when the backup is needed.
    """
    if os.name != "posix":
        return []
    places = {settings.data_dir: "chmod -R go= {}"}
    url = make_url(settings.database)
    if settings.database_url and url.get_backend_name() == "sqlite":
        # The star matches the files that SQLite creates next to its database.
        places[Path(url.database or ":memory:")] = "chmod go= {}*"
    return [
        command.format(shlex.quote(str(path.resolve())))
        for path, command in places.items()
        if path.exists() and path.stat().st_mode & OTHERS
    ]
