"""What this process keeps from other users of the machine: the chat's data, and the debugger."""

import os
import secrets
import shlex
from pathlib import Path

from sqlalchemy.engine import make_url

from final_app.config import Settings

PIN_DIGITS = 12
OTHERS = 0o077  # the bits of a mode that are about the group and everybody else


def protect_process() -> None:
    """Keep what this process writes to its owner, and its debugger to the reader of its log.

    Every way to start the chat comes here, so the modes of its files depend neither on a shell nor
    on systemd: folders are 0700, files 0600. Werkzeug would calculate the PIN of its debugger
    (`flask run --debug`) from facts that every user of the machine can find out.
    """
    os.umask(OTHERS)
    pin = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"
    os.environ.setdefault("WERKZEUG_DEBUG_PIN", pin)  # the reloader's next process has it, too


def commands_that_close(settings: Settings) -> list[str]:
    """Return the commands that close the data to other users; none are needed in a new folder.

    An older version made its folder with the umask of the shell. The chat does not change the mode
    of what it finds: somebody may have let a group in, such as that of a backup program, and would
    notice the change only when the backup is needed.
    """
    if os.name != "posix":
        return []
    places = {settings.data_dir: "chmod -R go= {}"}
    url = make_url(settings.database)
    if settings.database_url and url.get_backend_name() == "sqlite":
        # The star is for the files that SQLite puts beside its database.
        places[Path(url.database or ":memory:")] = "chmod go= {}*"
    return [
        command.format(shlex.quote(str(path.resolve())))
        for path, command in places.items()
        if path.exists() and path.stat().st_mode & OTHERS
    ]
