"""Upload and download files. A file is uploaded before the message that contains it is sent."""

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from flask import Blueprint, request, send_file
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import File
from werkzeug.wrappers import Response
from werkzeug.wsgi import get_content_length, get_input_stream

from final_app import auth, current
from final_app.accounts.sessions import Identity
from final_app.chat import memberships, uploads
from final_app.errors import Invalid, NotFound, TooLarge
from final_app.lib.turns import Turns
from final_app.storage.files import INLINE, label
from final_app.storage.transaction import release_connection
from final_app.web import numbers

api_files = Blueprint("api_files", __name__)

DAY = 60 * 60 * 24  # seconds
UPLOAD_PARTS = 4  # `room`, `file`, perhaps a CSRF token, and one to spare
AROUND_THE_FILE = 100_000  # bytes that the form can have in addition to its file
EXPECTED = "Expected a form with `room` (an id) and one file as `file`"
# A file that is opened directly is a page of this site, so it must not use scripts, forms or frames.
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"

_turns = Turns()  # of the people whose files are being stored


@api_files.post("/api/uploads")
@auth.login_required
def send(me: Identity) -> tuple[dict[str, Any], int]:
    """Upload a file for a message that you send afterward.

    Sends: multipart: room (id), file.
    Answers: 201 {upload: {id, filename, mime, size, and for an image width, height}}.
    """
    settings = current.settings()
    current.rate_limiter().count("uploads", me.id)
    with current.files().arrivals() as open_one:
        room_id, sent = read_form(settings.upload_size, open_one)
        memberships.check_writable(me.id, room_id)
        uploads.check_quota(settings.storage_quota)
        sent.close()
        release_connection()  # storing an image can take a minute
        with _turns.of(me.id):
            kept = current.files().keep(Path(sent.stream.name))
    try:
        upload = uploads.add(me.id, room_id, label(sent.filename or ""), kept)
    except BaseException:
        current.files().remove([kept.id])
        raise
    return {"ok": True, "upload": upload}, 201


@api_files.delete("/api/uploads/<upload_id>")
@auth.login_required
def take_back(me: Identity, upload_id: str) -> dict[str, Any]:
    """Remove a file that you uploaded and have not sent yet.

    Answers: 200.
    """
    uploads.take_back(me.id, upload_id)
    return {"ok": True}


@api_files.get("/files/<upload_id>")
@auth.login_required
def download(me: Identity, upload_id: str) -> Response:
    """Download a file from one of your rooms.

    Answers: 200 and the file. An image is sent inline, and any other file as an attachment.
    """
    upload = uploads.visible(me.id, upload_id)
    return _sent(upload_id, upload.mime, upload.filename)


@api_files.get("/files/<upload_id>/thumb")
@auth.login_required
def thumbnail(me: Identity, upload_id: str) -> Response:
    """Download the thumbnail of an image.

    Answers: 200 and a WebP image.
    """
    if uploads.visible(me.id, upload_id).width is None:
        raise NotFound("Only images have a thumbnail.")
    return _sent(upload_id, "image/webp", f"{upload_id}.webp", thumbnail=True)


class _FormParser(MultiPartParser):
    """Parses a form that contains one file, named `file`. Raises Invalid for any other file."""

    opened = False

    def start_file_streaming(self, event: File, total_content_length: int | None) -> IO[bytes]:
        if event.name != "file" or self.opened:
            raise Invalid(
                f"{EXPECTED}. It has another file as `{(event.name or '')[:20]}`.", field="file"
            )
        self.opened = True
        return super().start_file_streaming(event, total_content_length)


def read_form(most: int, open_one: Callable[..., IO[bytes]]) -> tuple[int, FileStorage]:
    """Return the room id and the file of an upload.

    Raises Invalid and TooLarge without reading the rest. The file is written directly to the disk where
    it stays. With `request.files`, it would have to be copied to that disk, which would block everything
    else.
    """
    if (get_content_length(request.environ) or 0) > most + AROUND_THE_FILE:
        raise TooLarge(f"A file can have at most {most:,} bytes.", field="file")
    try:
        form, files = _parse(most, open_one)
    except (RequestEntityTooLarge, ValueError):
        raise Invalid(f"{EXPECTED}, and no more than {UPLOAD_PARTS} parts.", field="file") from None
    sent, room_id = files.get("file"), numbers.parse(form.get("room", ""))
    if sent is None or room_id is None:
        raise Invalid(f"{EXPECTED}.", field="file")
    return room_id, sent


def _parse(most: int, open_one: Callable[..., IO[bytes]]) -> tuple[Any, Any]:
    """Return the fields and the files of the form by name. Raises ValueError for any other body."""
    parser = _FormParser(open_one, AROUND_THE_FILE, max_form_parts=UPLOAD_PARTS)
    _, options = parse_options_header(request.content_type)
    body = get_input_stream(request.environ, max_content_length=most + AROUND_THE_FILE)
    boundary = options.get("boundary", "").encode("ascii")
    if not boundary:
        raise ValueError("no boundary")
    return parser.parse(body, boundary, request.content_length)


def _sent(upload_id: str, mime: str, name: str, *, thumbnail: bool = False) -> Response:
    path = current.files().path(upload_id, thumbnail=thumbnail)
    if not path.is_file():
        raise NotFound("This file no longer exists.")
    inline = mime in INLINE
    answer = send_file(
        path, mime, as_attachment=not inline, download_name=name, max_age=DAY, conditional=True
    )
    answer.headers["Cache-Control"] = f"private, max-age={DAY}"
    answer.headers["Content-Security-Policy"] = SANDBOX
    return answer
