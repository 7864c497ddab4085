"""A backup while the chat serves: a new folder, itself a data folder, and whole or not there."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy.engine import make_url

from final_app.config import Settings
from final_app.errors import Conflict, Invalid, NotFound
from final_app.files import Files

STEP_PAGES, STEP_FILES = 25_000, 1000  # after that much, about 100 MB, it says how far it is

Tell = Callable[[str], None]


def make(settings: Settings, path: Path, tell: Tell) -> tuple[dict[str, int], list[str]]:
    """Copy the database, then the files that the copy names, then the secret.

    The files come second: they never change, and what the copy names was there before it. Returns how
    many of each there are, and the ids of the files that were deleted meanwhile.
    """
    source = make_url(settings.database)
    if source.get_backend_name() != "sqlite" or not source.database:
        raise Invalid("This copies SQLite's file; other databases have a backup of their own.")
    if path.exists():
        raise Conflict(f"{path} is there already. Name a new folder.")
    if not path.parent.is_dir():  # perhaps a disk that is not mounted
        raise NotFound(f"There is no folder {path.parent} to put a backup in.")
    draft = Path(tempfile.mkdtemp(".unfinished", f"{path.name}.", path.parent))  # its owner's alone
    try:
        _copy_database(Path(source.database), draft / "chat.db", tell)
        held, missing = _copy_files(settings, draft, tell)
        with suppress(FileNotFoundError):  # then it comes from CHAT_SECRET_KEY
            shutil.copy(settings.data_dir / "secret", draft)
        getattr(os, "sync", int)()  # on the disk before it has its name; Windows has no such call
        draft.rename(path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return held, missing


def _copy_database(source: Path, target: Path, tell: Tell) -> None:
    """Copy what is committed now, and check the copy.

    One read transaction spans all steps: each sees the same moment, and no writer waits (WAL). Without
    it every commit of the chat would begin the copy anew, and under load it would never end.
    """
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as original,
        closing(sqlite3.connect(target)) as copy,
    ):
        original.execute("BEGIN")
        original.execute("SELECT count(*) FROM sqlite_master").fetchone()

        def progress(_: int, left: int, pages: int) -> None:
            if left:
                tell(f"{pages - left:,} of {pages:,} pages of the database")

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
        has_files = count("sqlite_master WHERE name = 'uploads'")  # not before 0002
        named = copy.execute("SELECT id, size FROM uploads").fetchall() if has_files else []
    here, there = Files(settings), Files(settings.model_copy(update={"data_dir": draft}))
    missing = []
    for place, (upload_id, size) in enumerate(named, 1):
        if _copied(here, there, upload_id) != size:
            missing.append(upload_id)
        if place % STEP_FILES == 0:
            tell(f"{place:,} of {len(named):,} files")
    size = sum(path.stat().st_size for path in draft.rglob("*") if path.is_file())
    return held | {"files": len(named) - len(missing), "bytes": size}, missing


def _copied(here: Files, there: Files, upload_id: str) -> int:
    """Copy a file and its thumbnail, as far as they are there; return their bytes."""
    copied = 0
    for thumbnail in (False, True):
        target = there.path(upload_id, thumbnail=thumbnail)
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            shutil.copyfile(here.path(upload_id, thumbnail=thumbnail), target)
            copied += target.stat().st_size
    return copied
