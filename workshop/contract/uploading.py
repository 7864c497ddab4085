"""How promises upload a file, and what an upload is answered."""

import base64
from typing import Any

import requests

from workshop.contract.asking import answered
from workshop.contract.promise import Broken
from workshop.contract.rooms import rooms_of
from workshop.stages import Stage

PNG = base64.b64decode(  # one transparent pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
NOTES = b"Tea at five, cake at six."


def upload(
    chat: Stage, name: str, room: int, filename: str, content: bytes, mime: str = "text/plain",
    headers: dict[str, str] | None = None,
) -> requests.Response:  # fmt: skip
    """Let somebody upload a file to a room, as the page's script does."""
    browser = rooms_of(chat).browser(chat, name)
    answer = browser.post(
        "/api/uploads",
        data={"room": str(room)},
        files={"file": (filename, content, mime)},
        headers=headers,
    )
    return answered(chat, answer)


def kept(
    chat: Stage, name: str, room: int, filename: str, content: bytes, mime: str = "text/plain"
) -> dict[str, Any]:
    """Upload a file that is fine; return what was kept. Raises Broken when it is refused."""
    answer = upload(chat, name, room, filename, content, mime)
    about = _json(answer).get("upload")
    if answer.status_code == 201 and isinstance(about, dict) and about.get("id"):
        return {key: about.get(key) for key in ("id", "filename", "mime", "size")}
    raise Broken(
        expected="POST /api/uploads with the fields `room` and `file` answers 201 and "
        '{"ok": true, "upload": {"id", "filename", "mime", "size"}}.',
        seen=f"status {answer.status_code}, {answer.text[:120]}",
        hint='`@app.post("/api/uploads")`; the file is `request.files["file"]`, the room '
        '`request.form["room"]`. A tuple gives the status: `return {"ok": True, …}, 201`.',
    )


def was_refused(
    chat: Stage, answer: requests.Response, statuses: set[int], what: str, hint: str
) -> None:
    """Ask that an upload is refused, with one of these statuses and the reason. Raises Broken."""
    error = _json(answer).get("error")
    if answer.status_code not in statuses:
        raise Broken(
            expected=f"To upload {what} answers {' or '.join(map(str, sorted(statuses)))}.",
            seen=f"status {answer.status_code}",
            hint=hint,
        )
    if not isinstance(error, dict) or not error.get("code") or not error.get("message"):
        raise Broken(
            expected=f"To upload {what} is refused in the shape that the page knows: "
            '{"ok": false, "error": {"code", "message"}}.',
            seen=answer.text[:120],
            hint="The script reads JSON: an error handler for addresses that begin with /api/ "
            "gives every refusal this shape.",
        )


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
