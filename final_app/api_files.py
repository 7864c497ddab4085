"""Files over HTTP: sent before the message that carries them, and read by who may read that message."""

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from flask import Blueprint, request, send_file
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import parse_form_data
from werkzeug.wrappers import Response

from final_app import gate, memberships, uploads
from final_app.errors import Invalid, NotFound, TooLarge
from final_app.files import INLINE, label
from final_app.log_ins import Me

api_files = Blueprint("api_files", __name__)

AROUND_THE_FILE = 100_000  # bytes that a form may have besides its file
DAY = 60 * 60 * 24  # seconds
# A file opened by itself is a page of this site: it gets no script, no form and no frame.
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"


@api_files.post("/api/uploads")
@gate.for_people
def send(me: Me) -> tuple[dict[str, Any], int]:
    """Send a file, for a message that will name it in `uploads`.

    Sends: multipart: room (a number), file.
    Answers: 201 {upload: {id, filename, mime, size, width, height}}.
    """
    settings = gate.settings()
    gate.throttle().count("uploads", me.id)
    with gate.files().arrivals() as open_one:
        room_id, sent = _form(settings.upload_size, open_one)
        memberships.writable(me.id, room_id)
        uploads.check_room_left(settings.storage_quota)
        sent.close()
        kept = gate.files().keep(Path(sent.stream.name))
    try:
        upload = uploads.add(me.id, room_id, label(sent.filename or ""), kept)
    except BaseException:
        gate.files().remove([kept.id])
        raise
    return {"ok": True, "upload": upload}, 201


@api_files.delete("/api/uploads/<upload_id>")
@gate.for_people
def take_back(me: Me, upload_id: str) -> dict[str, Any]:
    """Take back one's own file that no message carries yet.

    Answers: 200.
    """
    uploads.take_back(me.id, upload_id)
    gate.files().remove([upload_id])
    return {"ok": True}


@api_files.get("/files/<upload_id>")
@gate.for_people
def download(me: Me, upload_id: str) -> Response:
    """Get a file of a room that one is in.

    Answers: 200, its bytes; images to look at, all else as an attachment.
    """
    upload = uploads.visible(me.id, upload_id)
    return _sent(upload_id, upload.mime, upload.filename)


@api_files.get("/files/<upload_id>/thumb")
@gate.for_people
def thumbnail(me: Me, upload_id: str) -> Response:
    """Get the small version of an image.

    Answers: 200, a WebP image.
    """
    if uploads.visible(me.id, upload_id).width is None:
        raise NotFound("Only images have a small version.")
    return _sent(upload_id, "image/webp", f"{upload_id}.webp", thumbnail=True)


def _form(most: int, open_one: Callable[..., IO[bytes]]) -> tuple[int, Any]:
    """Return the room and the file of the form; more bytes than these are not read.

    The file is written to its own disk at once. Through `request.files` it would be copied there,
    and everybody would wait meanwhile.
    """
    try:
        _, form, files = parse_form_data(
            request.environ, open_one, AROUND_THE_FILE, most + AROUND_THE_FILE
        )
    except RequestEntityTooLarge:
        raise TooLarge(f"A file has at most {most:,} bytes.", field="file") from None
    sent, room = files.get("file"), form.get("room", "")
    if sent is None or not (room.isascii() and room.isdigit() and len(room) < 16):
        raise Invalid("Expected a form with `room`, a number, and `file`.", field="file")
    return int(room), sent


def _sent(upload_id: str, mime: str, name: str, *, thumbnail: bool = False) -> Response:
    path = gate.files().path(upload_id, thumbnail=thumbnail)
    if not path.is_file():
        raise NotFound("This file is no longer here.")
    inline = mime in INLINE
    answer = send_file(
        path, mime, as_attachment=not inline, download_name=name, max_age=DAY, conditional=True
    )
    answer.headers["Cache-Control"] = f"private, max-age={DAY}"
    answer.headers["Content-Security-Policy"] = SANDBOX
    return answer
