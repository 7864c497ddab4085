"""Files: their content says what they are, and their names are labels, never paths."""

import re
from pathlib import Path
from uuid import uuid4

from checks import ChatError
from flask import Response, abort, current_app, send_file
from models import Room, Upload, User, db

LABEL_LENGTH = 100  # characters
TEXT = "text/plain"
# What a picture begins with, by its kind.
KINDS = {"png": rb"\x89PNG", "jpeg": rb"\xff\xd8\xff", "gif": rb"GIF8", "webp": rb"RIFF....WEBP"}


def keep(content: bytes, filename: str, owner: User, room: Room) -> Upload:
    """Store a file, for a message that is still to be sent. Raises ChatError."""
    upload = Upload(id=uuid4().hex, owner_id=owner.id, room_id=room.id, mime=mime_of(content))
    upload.filename, upload.size = label(filename), len(content)
    path_of(upload).write_bytes(content)
    db.session.add(upload)
    db.session.commit()
    return upload


def mime_of(content: bytes) -> str:
    """Return what a file is, by how it begins. Raises ChatError for what is not let in."""
    for kind, beginning in KINDS.items():
        if re.match(beginning, content, re.DOTALL):
            return f"image/{kind}"
    if not content or b"\0" in content:  # a text has no zero byte; most other files have some
        raise ChatError("invalid", "Expected a picture or a text.", field="file")
    return TEXT


def label(filename: str) -> str:
    """Return a file's name as it is shown: no path, and nothing that cannot be seen."""
    name = "".join(each for each in re.split(r"[/\\]", filename)[-1] if each.isprintable())
    return name.strip(". ")[-LABEL_LENGTH:] or "file"


def claimed(ids: object, owner: User, room: Room) -> list[Upload]:
    """Return the files of a message: one's own, for this room, never sent. Raises ChatError."""
    wanted = {str(each) for each in ids} if isinstance(ids, list) else {"no list"}
    mine = db.select(Upload).filter_by(owner_id=owner.id, room_id=room.id, message_seq=None)
    uploads = [upload for upload in db.session.scalars(mine) if upload.id in wanted]
    if len(uploads) != len(wanted):
        raise ChatError("invalid", "Expected files of yours, not sent yet.", field="uploads")
    return uploads


def send(upload_id: str, me: User | None) -> Response:
    """Return a file to who is in its room now: a picture to look at, a text to keep."""
    upload = db.session.get(Upload, upload_id)
    if not me or not upload or upload.room_id not in {room.id for room in me.rooms}:
        abort(404)
    response = send_file(path_of(upload), upload.mime, upload.mime == TEXT, upload.filename)
    response.headers["X-Content-Type-Options"] = "nosniff"  # it is what we say: no guessing
    return response


def path_of(upload: Upload) -> Path:
    return Path(current_app.instance_path, f"upload-{upload.id}")
