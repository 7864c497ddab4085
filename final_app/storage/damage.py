"""A damaged database: how to find the damage, and what to tell whoever runs the chat."""

import logging
import shlex
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from final_app.errors import CannotStart

CHECKED_AT_START = 1_000_000_000  # bytes: checking that many takes about a second
REMEMBERED = 100  # backups
DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
PRIMARY = 0xFF  # the bits of an SQLite error code that name its kind

log = logging.getLogger(__name__)


def check(database: Path) -> None:
    """Raise CannotStart if the database cannot be read. There may be none yet.

    SQLite itself reads a damaged page only when somebody asks for it, perhaps weeks later. A very large
    database is checked only by `backup`, which checks each copy, so that a start stays quick.
    """
    if not database.exists():
        return
    try:
        found = _check(database)
    except sqlite3.Error as problem:
        if not is_damage(problem):
            raise CannotStart(f"The chat can't open its database {database}: {problem}.") from None
        found = str(problem)
    if found != "ok":
        raise CannotStart(sentence(database, found))


def is_damage(problem: object) -> bool:
    """Tell whether an error of SQLite means that the file is damaged or lacks a table."""
    code = getattr(problem, "sqlite_errorcode", 0) & PRIMARY
    return code in DAMAGE or str(problem).startswith("no such table")


def sentence(database: Path, found: str) -> str:
    """Say what is damaged, which backup is the newest, and how to restore it."""
    what = " ".join(found.split())
    told = f"The database {database} is damaged ({what}). "
    backup = newest_backup(database)
    if backup is None:
        return told + (
            "Restore a backup as docs/running.md describes. The chat does not know of any: it "
            "remembers those that its command `backup` makes."
        )
    return told + (
        f"Its newest backup is {backup}. "
        f"To restore it, stop the chat and run: {_command(database, backup)}"
    )


def remember_backup(database: Path, backup: Path) -> None:
    """Note where a backup is, in a file beside the database."""
    kept = [*_backups(database), backup][-REMEMBERED:]
    with suppress(OSError):  # the backup itself is complete
        _notes(database).write_text("".join(f"{each}\n" for each in kept), encoding="utf-8")


def newest_backup(database: Path) -> Path | None:
    """Return the newest backup that is still where it was made."""
    return next(reversed(_backups(database)), None)


def _check(database: Path) -> str:
    uri = f"{database.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # reads the header
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
    return [path for path in map(Path, lines) if (path / "chat.db").is_file()]


def _notes(database: Path) -> Path:
    return database.with_name(f"{database.name}.backups")


def _command(database: Path, backup: Path) -> str:
    """Return the command that puts the backup in the place of the folder, or of the file alone."""
    if database.name == "chat.db":
        old, new = database.parent, backup
    else:
        old, new = database, backup / "chat.db"
    here, away, there = (shlex.quote(str(path)) for path in (old, f"{old}.damaged", new))
    return f"mv {here} {away} && cp -a {there} {here}"
