"""Back up a running chat into a new folder. This folder can then be used as a data folder."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from final_app.config import Settings
from final_app.errors import Conflict, Invalid, NotFound
from final_app.storage import damage
from final_app.storage.files import Files

STEP_PAGES, STEP_FILES = 25_000, 1000  # between two progress reports; the pages are about 100 MB

Tell = Callable[[str], None]


def create(settings: Settings, path: Path, tell: Tell) -> tuple[dict[str, int], list[str]]:
    """Copy the database, then the files that have a row in it, then the secret key.

    The files are copied after the database. This is safe, because a file exists before it gets a row and
    never changes. The new folder gets its final name only when it is complete. Returns how many items of
    each kind were copied, and the ids of the files that were deleted in the meantime.
    """
    database = settings.database_path
    if database is None:
        raise Invalid(
            "This chat uses PostgreSQL: back it up with pg_dump, and then copy the folder "
            f"{settings.data_dir.resolve()}, as docs/running.md describes."
        )
    if path.exists():
        raise Conflict(f"{path} already exists. Choose a new folder.")
    if not path.parent.is_dir():  # perhaps a disk that is not mounted
        raise NotFound(f"The folder {path.parent} does not exist.")
    draft = Path(tempfile.mkdtemp(".unfinished", f"{path.name}.", path.parent))  # private (0700)
    try:
        _copy_database(database, draft / "chat.db", tell)
        held, missing = _copy_files(settings, draft, tell)
        with suppress(FileNotFoundError):  # if it is set in CHAT_SECRET_KEY
            shutil.copy(settings.data_dir / "secret", draft)
        if hasattr(os, "sync"):  # not on Windows
            os.sync()  # the data must be on disk before the folder gets its name
        draft.rename(path)
        damage.remember_backup(database, path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return held, missing


def _copy_database(source: Path, target: Path, tell: Tell) -> None:
    """Copy the committed data and check the copy.

    All steps use one read transaction. They all see the same state, and do not block writers (WAL).
    Without this transaction, every commit of the chat would restart the copy, so that it would never
    finish under load.
    """
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True)) as original,
        closing(sqlite3.connect(target)) as copy,
    ):
        original.execute("BEGIN")
        original.execute("SELECT count(*) FROM sqlite_master").fetchone()

        def progress(_: int, left: int, pages: int) -> None:
            if left:
                tell(f"Copied {pages - left:,} of {pages:,} database pages")

        original.backup(copy, pages=STEP_PAGES, progress=progress)
        (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"the database is damaged ({found})")


def _copy_files(settings: Settings, draft: Path, tell: Tell) -> tuple[dict[str, int], list[str]]:
    with closing(sqlite3.connect(draft / "chat.db")) as copy:

        def count(rows: str) -> int:
            return int(copy.execute(f"SELECT count(*) FROM {rows}").fetchone()[0])

        tables = {"people": "users", "rooms": "rooms", "messages": "messages"}
        held = {what: count(table) for what, table in tables.items()}
        has_files = count("sqlite_master WHERE name = 'uploads'")  # since migration 0002
        named = copy.execute("SELECT id, size FROM uploads").fetchall() if has_files else []
    here, there = Files(settings), Files(settings.model_copy(update={"data_dir": draft}))
    missing = []
    for place, (upload_id, size) in enumerate(named, 1):
        if _copied(here, there, upload_id) != size:
            missing.append(upload_id)
        if place % STEP_FILES == 0:
            tell(f"Copied {place:,} of {len(named):,} files")
    size = sum(path.stat().st_size for path in draft.rglob("*") if path.is_file())
    return held | {"files": len(named) - len(missing), "bytes": size}, missing


def _copied(here: Files, there: Files, upload_id: str) -> int:
    """Copy a file and its thumbnail, if they exist. Return the number of bytes copied."""
    copied = 0
    for thumbnail in (False, True):
        target = there.path(upload_id, thumbnail=thumbnail)
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            shutil.copyfile(here.path(upload_id, thumbnail=thumbnail), target)
            copied += target.stat().st_size
    return copied
