"""Find damage in an SQLite database, and tell the operator of the chat how to restore a backup."""

import itertools
import logging
import os
import shlex
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import cast

from flask import current_app

from final_app.config import Settings
from final_app.errors import CannotStart
from final_app.hardening import give_to_owner

CHECKED_AT_START = 1_000_000_000  # bytes: checking that many takes about a second
REMEMBERED = 100  # backups
DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
LOST = (
    "it is missing or empty, but there is a list of its backups: to begin with an empty chat, delete "
    "the database and this list, whose name ends in .backups"
)
PRIMARY = 0xFF  # the bits of an SQLite error code that name its kind

log = logging.getLogger(__name__)


def check(database: Path, *, whole: bool = True) -> None:
    """Raise CannotStart if the database is damaged or cannot be opened or written.

    Unless `whole` is true, this reads only the beginning of the database, which may be on a disk that is
    read-only: when a disk fails, people need a backup.

    A database that is missing or empty is a new one, unless there is a list of its backups. Without this
    check, damage is noticed only when somebody needs the damaged page, perhaps weeks later. A very large
    database is not checked here, so that the chat starts quickly. The command `backup` checks every copy
    that it makes.
    """
    folder, write = database.parent, os.W_OK if whole else 0
    if not _may_exist(folder):
        raise CannotStart(
            f"There is no folder {folder} for the chat's database. Create it, or correct CHAT_DATA_DIR "
            "or CHAT_DATABASE_URL."
        )
    if not (os.access(folder, os.X_OK | write) and folder.is_dir()):
        raise CannotStart(out_of_reach(database))
    if not database.exists():
        if _notes(database).exists():
            raise CannotStart(sentence(database, LOST))
        return
    if not os.access(database, os.R_OK | write):
        raise CannotStart(out_of_reach(database))
    try:
        found = _check(database, whole=whole)
    except sqlite3.Error as problem:
        if not is_damage(problem):
            is_disk = problem.sqlite_errorcode & PRIMARY == sqlite3.SQLITE_IOERR
            raise CannotStart(
                f"The chat can't open its database {database}: {problem}."
                + (" Its disk is full or broken." if is_disk else "")
            ) from None
        found = str(problem)
    if found != "ok":
        raise CannotStart(sentence(database, found))


def out_of_reach(database: Path) -> str:
    """Return a message about a database that this process cannot open or write."""
    return (
        f"The chat can't use its database {database}. Expected a file on a working disk, which the user "
        "who runs the chat can write to, in a folder where that user can create files. Check their "
        "owners and modes, whether the disk is mounted read-only, and who runs this command."
    )


def is_damage(problem: object) -> bool:
    """Return whether an SQLite error means that the file is damaged or that a table is missing."""
    code = getattr(problem, "sqlite_errorcode", 0) & PRIMARY
    return code in DAMAGE or str(problem).startswith("no such table")


def sentence(database: Path, found: str) -> str:
    """Return a message that contains the damage, the newest backup, and how to restore the backup."""
    what = " ".join(found.split())
    return f"The database {database} is damaged ({what}). {advice(database)}"


def advice(database: Path) -> str:
    """Return sentences that name the newest backup, and how to restore it."""
    backup = newest_backup(database)
    if backup is None:
        return (
            "Restore a backup as docs/running.md describes. The chat has no record of a backup: it "
            "remembers only those that its command `backup` has made."
        )
    return (
        f"Its newest backup is {backup}. "
        f"To restore it, stop the chat and run: {_command(database, backup)}"
    )


def remember_backup(database: Path, backup: Path) -> None:
    """Write the path of a backup to a file next to the database."""
    kept = [*_backups(database), backup][-REMEMBERED:]
    with suppress(OSError):  # the backup itself is complete
        _notes(database).write_text("".join(f"{each}\n" for each in kept), encoding="utf-8")
        give_to_owner(_notes(database))


def newest_backup(database: Path) -> Path | None:
    """Return the newest backup that still exists at its path, or None."""
    return next(reversed(_backups(database)), None)


def _check(database: Path, *, whole: bool) -> str:
    uri = f"{database.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables and _notes(database).exists():
            return LOST
        if not whole:
            return "ok"
        if database.stat().st_size > CHECKED_AT_START:
            log.info("The database is too large to be checked at each start. Backups check it.")
            return "ok"
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        return str(found)


def _backups(database: Path) -> list[Path]:
    try:
        lines = _notes(database).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    return [path for path in map(Path, lines) if _may_exist(path / "chat.db")]


def _may_exist(path: Path) -> bool:
    """Return whether a path exists, or may exist in a folder that only another user can read."""
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _notes(database: Path) -> Path:
    return database.with_name(f"{database.name}.backups")


def _command(database: Path, backup: Path) -> str:
    """Return the shell command that replaces the database with a backup, and adds the backup's files.

    The write-ahead log moves together with the old database. Otherwise, SQLite would apply it to the
    restored one. `touch` creates the files that `mv` expects, because a clean stop removes some of them.
    """
    name, copy, uploads = database.name, backup / "chat.db", backup / "uploads"
    numbered = (database.with_name(f"{name}.damaged-{number}") for number in itertools.count(1))
    aside = next(path.name for path in numbered if not path.exists())
    words: list[list[str | Path]] = [
        ["cd", database.parent],
        ["mkdir", aside],
        ["touch", name, f"{name}-wal", f"{name}-shm"],
        ["mv", name, f"{name}-wal", f"{name}-shm", aside],
        ["cp", "-a", copy, name],
    ]
    if _may_exist(uploads):
        settings = cast(Settings, current_app.config["CHAT"])
        words.append(["cp", "-a", uploads, settings.data_dir.resolve()])
    return " && ".join(shlex.join(map(str, each)) for each in words)
