"""Housekeeping: what has had its time goes, in steps so small that nobody waits for one."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, func, or_, select, update

from final_app import clock, invites, log_ins, uploads
from final_app.files import IDS, Files
from final_app.models import Mention, Message, Reaction, Upload, db
from final_app.store import TRY_AGAIN, writes

EVERY = 60 * 60.0  # seconds between two sweeps
BATCH = 200  # messages that one transaction removes
WINDOW = 10_000  # messages that are looked through at once
BREATH = 0.005  # seconds after each look, for everybody else in this process
REST = 2 * TRY_AGAIN  # seconds after each removal: who writes in another process gets a turn
LEFTOVER = 60 * 60 * 24  # seconds; what nothing names and is younger may be an upload under way


def sweep(files: Files, retention_days: int) -> dict[str, int]:
    """Remove what has had its time; return how many there were of each kind.

    Pages that are open keep what they show. Without `retention_days` no message goes.
    """
    unsent = uploads.forget_unsent()
    files.remove(unsent)
    messages, carried = 0, 0
    for ids in _older_than(clock.now() - timedelta(days=retention_days)) if retention_days else ():
        gone = _remove(ids)
        files.remove(gone)
        messages, carried = messages + len(ids), carried + len(gone)
        clock.pause(REST)
    return {
        "messages": messages,
        "files": len(unsent) + carried,
        "leftovers": _remove_leftovers(files),
        "invites": invites.forget_spent(),
        "log-ins": log_ins.forget_unused(),
    }


def counted(swept: dict[str, int]) -> str:
    """Return what `sweep` answered as words, such as "3 messages, 0 files, …"."""
    return ", ".join(f"{count:,} {kind}" for kind, count in swept.items())


def _older_than(moment: datetime) -> Iterator[list[int]]:
    """Return the messages from before a moment, BATCH at a time.

    Every window is looked through: where the clock was set back, numbers are not in the order of time.
    """
    newest = db.session.scalar(select(func.max(Message.id))) or 0
    still_there = or_(Message.id != newest, Message.deleted_at.is_(None))
    for start in range(0, newest + 1, WINDOW):
        window = Message.id.between(start, start + WINDOW - 1)
        query = select(Message.id).where(window, Message.created_at < moment, still_there)
        ids = list(db.session.scalars(query))
        yield from (ids[place : place + BATCH] for place in range(0, len(ids), BATCH))
        clock.pause(BREATH)


@writes
def _remove(ids: list[int]) -> list[str]:
    """Remove messages with all that hangs on them; return the ids of the files to remove.

    What replied to one keeps standing. The newest message of all stays as an empty one: SQLite would
    give its number to the next, and a page that is open could then delete the wrong message.
    """
    replies = update(Message).where(Message.reply_to_id.in_(ids))
    db.session.execute(replies.values(reply_to_id=None))
    for table in (Mention, Reaction):
        db.session.execute(delete(table).where(table.message_id.in_(ids)))
    carried = delete(Upload).where(Upload.message_id.in_(ids)).returning(Upload.id)
    gone = list(db.session.scalars(carried))
    newest = db.session.scalar(select(func.max(Message.id)))
    db.session.execute(delete(Message).where(Message.id.in_(ids), Message.id != newest))
    left = update(Message).where(Message.id.in_(ids))
    db.session.execute(left.values(text="", html="", deleted_at=clock.now()))
    return gone


def _remove_leftovers(files: Files) -> int:
    """Remove the bytes that no row names: of an upload that broke off, or of a removal that did."""
    count = 0
    for folder in files.folder.glob("*/"):
        old = {path: path.stem for path in folder.iterdir() if _is_old(path)}
        known = uploads.known(list(old.values()))
        for path, upload_id in old.items():
            if upload_id not in known:
                path.unlink(missing_ok=True)
                count += 1
        clock.pause(BREATH)
    return count


def _is_old(path: Path) -> bool:
    """Tell whether a file of ours has lain there for long; one that has just gone has not."""
    with suppress(FileNotFoundError):
        age = clock.now_as_timestamp() - path.stat().st_mtime
        return bool(IDS.fullmatch(path.stem)) and age > LEFTOVER
    return False
