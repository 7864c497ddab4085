"""Files: the content determines the type, the name is a label, and members can download them."""

import re
from pathlib import Path
from uuid import uuid4

from checks import ChatError
from flask import Response, abort, current_app, send_file
from models import Room, Upload, User, db

MAX_BYTES = 5 * 1024 * 1024  # in one request, and so in one file
LABEL_LENGTH = 100  # characters
TEXT = "text/plain"
# The first bytes of each type of picture, its signature.
SIGNATURES = {
    "png": rb"\x89PNG", "jpeg": rb"\xff\xd8\xff", "gif": rb"GIF8", "webp": rb"RIFF....WEBP"
}  # fmt: skip


def keep(content: bytes, filename: str, owner: User, room: Room) -> Upload:
    """Store a file for a later message. Raises ChatError if its type is not accepted."""
    upload = Upload(id=uuid4().hex, owner_id=owner.id, room_id=room.id, mime=mime_of(content))
    upload.filename, upload.size = label(filename), len(content)
    path_of(upload).write_bytes(content)
    db.session.add(upload)
    db.session.commit()
    return upload


def mime_of(content: bytes) -> str:
    """Return the type of a file, such as image/png. Raises ChatError if it is not accepted."""
    for kind, signature in SIGNATURES.items():
        if re.match(signature, content, re.DOTALL):
            return f"image/{kind}"
    if not content or b"\0" in content:  # text has no zero bytes, but most other files do
        raise ChatError("invalid", "Expected a picture or a text file.", field="file")
    return TEXT


def label(filename: str) -> str:
    """Return a file's name without a path and without invisible characters."""
    name = "".join(each for each in re.split(r"[/\\]", filename)[-1] if each.isprintable())
    return name.strip(". ")[-LABEL_LENGTH:] or "file"


def path_of(upload: Upload) -> Path:
    return Path(current_app.instance_path, f"upload-{upload.id}")


def claim(ids: object, owner: User, room: Room) -> list[Upload]:
    """Return the files with these ids. Raises ChatError if one is not the owner's, or already sent."""
    wanted = {str(each) for each in ids} if isinstance(ids, list) else {"not a list"}
    unsent = db.select(Upload).filter_by(owner_id=owner.id, room_id=room.id, message_seq=None)
    uploads = [upload for upload in db.session.scalars(unsent) if upload.id in wanted]
    if len(uploads) != len(wanted):
        expected = "Expected files that you uploaded to this room and have not sent yet."
        raise ChatError("invalid", expected, field="uploads")
    return uploads


def send(upload_id: str, user: User | None) -> Response:
    """Send a file to a member of its room, or answer with 404."""
    upload = db.session.get(Upload, upload_id)
    if not user or not upload or upload.room_id not in [room.id for room in user.rooms]:
        abort(404)
    response = send_file(path_of(upload), upload.mime, upload.mime == TEXT, upload.filename)
    response.headers["X-Content-Type-Options"] = "nosniff"  # the browser must not guess the type
    return response
