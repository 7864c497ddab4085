"""Files that people share: who may send, see and take back which."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from final_app import clock, memberships
from final_app.errors import Full, Invalid, NotFound
from final_app.files import Kept
from final_app.models import Message, Upload, db
from final_app.store import writes

UNSENT_KEPT = timedelta(days=1)


def as_seen(upload: Upload) -> dict[str, Any]:
    """Return {id, filename, mime, size, width, height}."""
    return {
        "id": upload.id,
        "filename": upload.filename,
        "mime": upload.mime,
        "size": upload.size,
        "width": upload.width,
        "height": upload.height,
    }


def check_room_left(quota: int) -> None:
    """Raise Full when all files together have as many bytes as they may have; 0: any number."""
    if quota and stored_bytes() >= quota:
        raise Full("The storage is full. Ask an administrator to make room.", field="file")


def stored_bytes() -> int:
    """Return how many bytes all files have together."""
    return db.session.scalar(select(func.coalesce(func.sum(Upload.size), 0))) or 0


@writes
def add(user_id: int, room_id: int, filename: str, kept: Kept) -> dict[str, Any]:
    """Note a file that lies in its place, for a message of this person in this room."""
    memberships.writable(user_id, room_id)
    upload = Upload(
        id=kept.id,
        owner_id=user_id,
        room_id=room_id,
        filename=filename,
        mime=kept.mime,
        size=kept.size,
        width=kept.width,
        height=kept.height,
        created_at=clock.now(),
    )
    db.session.add(upload)
    return as_seen(upload)


def claim(owner_id: int, room_id: int, upload_ids: Sequence[str], most: int) -> list[Upload]:
    """Return one's own unsent files for a message in this room, inside its transaction."""
    if len(upload_ids) > most:
        raise Invalid(f"A message carries at most {most} files.", field="uploads")
    found = [db.session.get(Upload, upload_id) for upload_id in dict.fromkeys(upload_ids)]
    for place, upload in enumerate(found):
        if upload is None or (upload.owner_id, upload.room_id) != (owner_id, room_id):
            raise Invalid("A file of this message is not here (any more).", field="uploads")
        if upload.message_id is not None:
            raise Invalid("A file of this message was sent before.", field="uploads")
        upload.place = place
    return [upload for upload in found if upload]


def visible(user_id: int, upload_id: str) -> Upload:
    """Return a file that the person may see: in a room of theirs, or not sent yet and their own."""
    upload = db.session.get(Upload, upload_id)
    if upload is None or (upload.message_id is None and upload.owner_id != user_id):
        raise NotFound("There is no such file, or it is not for you.")
    memberships.place(user_id, upload.room_id)
    return upload


@writes
def take_back(user_id: int, upload_id: str) -> None:
    """Forget one's own file that no message carries."""
    upload = visible(user_id, upload_id)
    if upload.message_id is not None:
        raise Invalid("A message carries this file: delete the message.")
    db.session.delete(upload)


def drop(message: Message) -> list[str]:
    """Take all files off a message, inside its transaction; return the ids of what to remove."""
    ids = [upload.id for upload in message.uploads]
    for upload in list(message.uploads):
        db.session.delete(upload)
    message.uploads = []
    return ids


@writes
def forget_unsent() -> list[str]:
    """Forget the files that were never sent; return the ids of what to remove."""
    old = (Upload.message_id.is_(None)) & (Upload.created_at < clock.now() - UNSENT_KEPT)
    rows = list(db.session.scalars(select(Upload).where(old)))
    for row in rows:
        db.session.delete(row)
    return [row.id for row in rows]


def known(upload_ids: Sequence[str]) -> set[str]:
    """Return which of these ids stand in the table."""
    return set(db.session.scalars(select(Upload.id).where(Upload.id.in_(upload_ids))))
