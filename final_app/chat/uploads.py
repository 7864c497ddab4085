"""Uploads: the files that people share, and who can send, see and remove them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select

from final_app.chat import memberships
from final_app.chat.snapshots import Snapshot, short
from final_app.errors import Full, Invalid, NotFound
from final_app.lib import clock
from final_app.storage.files import Kept
from final_app.storage.models import Message, Upload, db
from final_app.storage.transaction import remove_files, transaction

UNSENT_KEPT = timedelta(days=1)


def to_dict(upload: Upload) -> Snapshot:
    """Return {id, filename, mime, size}, and for an image also {width, height}."""
    whole = {
        "id": upload.id,
        "filename": upload.filename,
        "mime": upload.mime,
        "size": upload.size,
        "width": upload.width,
        "height": upload.height,
    }
    return short(whole)


def check_quota(quota: int) -> None:
    """Raise Full if the files have used up the quota, which is in bytes. If it is 0, there is none."""
    if quota and stored_bytes() >= quota:
        raise Full("The storage is full. Ask an administrator to free up some space.", field="file")


def stored_bytes() -> int:
    """Return the total size of all files in bytes."""
    return db.session.scalar(select(func.coalesce(func.sum(Upload.size), 0))) or 0


@transaction
def add(user_id: int, room_id: int, filename: str, kept: Kept) -> dict[str, Any]:
    """Add a row for a file that `Files.keep` has stored. The user can send it in this room."""
    memberships.check_writable(user_id, room_id)
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
    # If the answer to an earlier commit was lost, the row is there already.
    return to_dict(db.session.merge(upload))


def claim(owner_id: int, room_id: int, upload_ids: Sequence[str], most: int) -> list[Upload]:
    """Return the files that a user has uploaded to this room and not sent yet, for a new message.

    Call this inside the message's transaction. Raises Invalid for any other file.
    """
    if len(upload_ids) > most:
        raise Invalid(f"A message can have at most {most} files.", field="uploads")
    claimed = []
    for position, upload_id in enumerate(dict.fromkeys(upload_ids)):
        upload = db.session.get(Upload, upload_id, with_for_update=True)
        if upload is None or (upload.owner_id, upload.room_id) != (owner_id, room_id):
            raise Invalid("A file for this message doesn't exist or was removed.", field="uploads")
        if upload.message_id is not None:
            raise Invalid("A file for this message has already been sent.", field="uploads")
        upload.position = position
        claimed.append(upload)
    return claimed


def visible(user_id: int, upload_id: str, *, lock: bool = False) -> Upload:
    """Return a file that the user may see. Raises NotFound for all others.

    Users may see the files in their rooms. Until a file has been sent, only its owner may see it. With
    `lock`, nobody else can send or remove the file until the end of the transaction.
    """
    upload = db.session.get(Upload, upload_id, with_for_update=lock or None)
    if upload is None or (upload.message_id is None and upload.owner_id != user_id):
        raise NotFound("This file doesn't exist, or you don't have access to it.")
    memberships.get(user_id, upload.room_id)
    return upload


@transaction
def take_back(user_id: int, upload_id: str) -> None:
    """Remove a file that the user has uploaded and not sent yet."""
    upload = visible(user_id, upload_id, lock=True)
    if upload.message_id is not None:
        raise Invalid("This file belongs to a message. Delete the message instead.")
    db.session.delete(upload)
    remove_files([upload_id])


def drop(message: Message) -> None:
    """Remove all files from a message. Call this inside the transaction that changes the message."""
    remove_files(upload.id for upload in message.uploads)
    for upload in message.uploads:
        db.session.delete(upload)
    message.uploads = []


@transaction
def remove_unsent() -> int:
    """Remove the files that were not sent within UNSENT_KEPT, and return how many were removed."""
    old = Upload.message_id.is_(None) & (Upload.created_at < clock.now() - UNSENT_KEPT)
    ids = list(db.session.scalars(delete(Upload).where(old).returning(Upload.id)))
    remove_files(ids)
    return len(ids)


def known(upload_ids: Sequence[str]) -> set[str]:
    """Return those of the given ids that have a row in the table."""
    return set(db.session.scalars(select(Upload.id).where(Upload.id.in_(upload_ids))))
