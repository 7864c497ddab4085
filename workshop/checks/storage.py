"""Read and change from outside what a stage has stored, and restart its server."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from workshop.checks.console import diagnose, last_error
from workshop.checks.promise import Broken
from workshop.stages import Stage, StageFailed

MAGIC = b"SQLite format 3\0"  # the first bytes of an SQLite file (sqlite.org/fileformat.html)
LONG_AGO = "2001-01-01 00:00:00.000000"


def database(chat: Stage) -> Path:
    """Return the stage's database file. Raises Broken if there is none."""
    for path in stored_files(chat):
        with path.open("rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                return path
    raise Broken("Messages are stored in an SQLite database in the data folder.",
                 f"files there: {[path.name for path in stored_files(chat)] or 'none'}",
                 'Write `Flask(__name__, instance_path=os.environ.get("CHAT_DATA_DIR"))`, so that '
                 "the instance folder is the data folder. With "
                 '`app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///chat.db"`, the database is a '
                 "file in this folder. `db.create_all()` creates the tables.")  # fmt: skip


def stored_files(chat: Stage) -> list[Path]:
    """Return every file that the stage has stored."""
    where = chat.data or chat.folder / "instance"
    return sorted(path for path in where.rglob("*") if path.is_file())


def restart(chat: Stage) -> None:
    """Kill the server without warning, and start it again with what it has stored."""
    chat.stop()
    try:
        chat.start()
    except StageFailed as failure:
        raise Broken("The server starts again with what it has stored.", last_error(failure.log),
                     diagnose(failure.log)) from None  # fmt: skip


@contextmanager
def nothing_can_be_stored(chat: Stage) -> Iterator[None]:
    """Prevent all commits: each of them waits until this block is over.

    An unfinished read is enough for this, unless the database has a write-ahead log
    (sqlite.org/wal.html). In that case, an unfinished write is needed.
    """
    with closing(sqlite3.connect(database(chat), isolation_level=None)) as connection:
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
        connection.execute("BEGIN IMMEDIATE" if journal == "wal" else "BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


def set_the_clock_back(chat: Stage, seq: int) -> None:
    """Give the message with this number an old time, as if the clock had been set back."""
    _on_messages(chat, "UPDATE {} SET created_at = ? WHERE seq = ?", LONG_AGO, seq)


def delete_messages(chat: Stage) -> None:
    """Delete all messages, so that the next one is the very first."""
    _on_messages(chat, "DELETE FROM {}")


def _on_messages(chat: Stage, statement: str, *values: object) -> None:
    """Execute a statement on the table of messages, whatever its name is."""
    with closing(sqlite3.connect(database(chat))) as connection, connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
        for table in tables:
            columns = {row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')}
            if {"seq", "created_at"} <= columns:
                connection.execute(statement.format(f'"{table}"'), values)
