"""Retention: remove old data in steps that are so small that nobody has to wait for them."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, func, or_, select, update

from final_app.accounts import invites, sessions
from final_app.chat import uploads
from final_app.lib import audit, clock
from final_app.storage import outbox
from final_app.storage.files import IDS, Files
from final_app.storage.models import Mention, Message, Reaction, Upload, db
from final_app.storage.sqlite import TRY_AGAIN
from final_app.storage.transaction import release_connection, remove_files, transaction

EVERY = 60 * 60.0  # seconds between two sweeps
BATCH = 200  # messages that one transaction removes
WINDOW = 10_000  # messages that one query looks through
BREATH = 0.005  # seconds after each query in which this process can do everything else
REST = 2 * TRY_AGAIN  # seconds after each removal, so that other processes can write
LEFTOVER = 60 * 60 * 24  # seconds; a newer file that has no row may be an upload in progress


def sweep(files: Files, retention_days: int) -> dict[str, int]:
    """Remove old data, and return how many items of each kind were removed.

    Pages that are open keep showing the removed messages. If `retention_days` is 0, no messages are
    removed.
    """
    removed = {"messages": 0, "files": uploads.remove_unsent()}
    for ids in _older_than(clock.now() - timedelta(days=retention_days)) if retention_days else ():
        removed["files"] += _remove(ids)
        removed["messages"] += len(ids)
        clock.pause(REST)
    return removed | {
        "leftovers": _remove_leftovers(files),
        "invites": invites.remove_expired(),
        "sessions": sessions.remove_expired(),
        "outbox entries": _remove_from_outbox(),
        "security logs": audit.security_log().remove_old(),
    }


def summary(removed: dict[str, int]) -> str:
    """Return the counts in words, such as "3 messages, 0 files, …"."""
    return ", ".join(f"{count:,} {kind}" for kind, count in removed.items())


def _older_than(moment: datetime) -> Iterator[list[int]]:
    """Yield the ids of the messages that are older than a given time, at most BATCH at a time.

    This checks all messages. If the clock was ever set back, a message with a higher id can be older.
    """
    newest = db.session.scalar(select(func.max(Message.id))) or 0
    still_there = or_(Message.id != newest, Message.deleted_at.is_(None))
    for start in range(0, newest + 1, WINDOW):
        window = Message.id.between(start, start + WINDOW - 1)
        query = select(Message.id).where(window, Message.created_at < moment, still_there)
        ids = list(db.session.scalars(query))
        release_connection()  # removing files takes time
        yield from (ids[place : place + BATCH] for place in range(0, len(ids), BATCH))
        clock.pause(BREATH)


@transaction
def _remove(ids: list[int]) -> int:
    """Remove messages with their mentions, reactions and files. Return how many files were removed.

    Replies to a removed message remain. The newest message in the whole chat also remains, without its
    content. If it were removed, SQLite would give its id to the next message. A page that still shows
    the removed message could then delete the new one by mistake.
    """
    replies = update(Message).where(Message.reply_to_id.in_(ids))
    db.session.execute(replies.values(reply_to_id=None))
    for table in (Mention, Reaction):
        db.session.execute(delete(table).where(table.message_id.in_(ids)))
    carried = delete(Upload).where(Upload.message_id.in_(ids)).returning(Upload.id)
    dropped = list(db.session.scalars(carried))
    remove_files(dropped)
    newest = db.session.scalar(select(func.max(Message.id)))
    db.session.execute(delete(Message).where(Message.id.in_(ids), Message.id != newest))
    left = update(Message).where(Message.id.in_(ids))
    db.session.execute(left.values(text="", html="", deleted_at=clock.now()))
    return len(dropped)


@transaction
def _remove_from_outbox() -> int:
    return outbox.remove_old()


def _remove_leftovers(files: Files) -> int:
    """Remove files that have no row, because an upload or a removal was interrupted."""
    count = 0
    for folder in files.folder.glob("*/"):
        old = {path: path.stem for path in folder.iterdir() if _is_old(path)}
        known = uploads.known(list(old.values()))
        release_connection()  # the disk may be slow
        for path, upload_id in old.items():
            if upload_id not in known:
                path.unlink(missing_ok=True)
                count += 1
        clock.pause(BREATH)
    return count


def _is_old(path: Path) -> bool:
    """Return whether this is an uploaded file that is older than LEFTOVER."""
    with suppress(FileNotFoundError):
        age = clock.now_as_timestamp() - path.stat().st_mtime
        return bool(IDS.fullmatch(path.stem)) and age > LEFTOVER
    return False
