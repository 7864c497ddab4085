"""Uploads: who can upload, the names and types of files, and the files of a message."""

import base64
import re
from typing import Any

import requests
from bs4 import Tag

from workshop.browser import TOKEN_HEADER
from workshop.checks.browse import lines, text_of
from workshop.checks.client import entered, number_of
from workshop.checks.families import account_of, make_room
from workshop.checks.promise import Broken, attempted, exercise, expect, promise
from workshop.checks.speakers import Message, answered, fields
from workshop.checks.storage import stored_files
from workshop.stages import Stage

PNG = base64.b64decode(  # one transparent pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
NOTES = b"Tea at five, cake at six."
TOO_MUCH = 5 * 1024 * 1024 + 300_000  # bytes: the limit, and some more for the form's other parts
MUCH = 4_900_000  # bytes
LONGEST_LABEL = 100  # characters
HOSTILE_NAME = '<img src="x" onerror="alert(1)">.txt'
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
NO_KIND = b"PK\x03\x04" + bytes(range(256))  # begins like an archive


def upload(
    chat: Stage, name: str, room: int, filename: str, content: bytes, mime: str = "text/plain",
    headers: dict[str, str] | None = None,
) -> requests.Response:  # fmt: skip
    """Upload a file to a room as this person, in the same way as the page's script."""
    browser = account_of(chat).browser(name)
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
    """Upload a valid file and return the server's description of it. Raises Broken if it is refused."""
    answer = upload(chat, name, room, filename, content, mime)
    about = fields(_json(answer), "upload")
    if answer.status_code == 201 and about.get("id"):
        return {key: about.get(key) for key in ("id", "filename", "mime", "size")}
    raise Broken("POST /api/uploads with the fields `room` and `file` returns status 201 and "
                 '{"ok": true, "upload": {"id", "filename", "mime", "size"}}.',
                 f"status {answer.status_code}, {answer.text[:120]}",
                 'Start with `@app.post("/api/uploads")`. Read `request.files["file"]` and '
                 '`request.form["room"]`. To set the status, return a tuple: `return {"ok": True, '
                 '…}, 201`.')  # fmt: skip


def was_refused(
    chat: Stage, answer: requests.Response, statuses: set[int], what: str, hint: str
) -> None:
    """Raise Broken unless an upload was refused, with one of these statuses and a reason."""
    error = fields(_json(answer), "error")
    expect(answer.status_code in statuses,
           f"Uploading {what} returns status {' or '.join(map(str, sorted(statuses)))}.",
           f"status {answer.status_code}", hint)  # fmt: skip
    expect(error.get("code") and error.get("message"),
           f"Uploading {what} is refused with "
           '{"ok": false, "error": {"code", "message"}}.', answer.text[:120],
           "The script expects JSON. Write an error handler that returns every refusal under /api/ "
           "in this form.")  # fmt: skip


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        return fields(answer.json())
    except ValueError:
        return {}


@promise(since="files", final_app=True)
def a_file_is_uploaded_by_http(chat: Stage) -> None:
    """A file is uploaded over HTTP, and the response describes what was stored."""
    room = make_room(chat, "Ada")
    about = kept(chat, "Ada", room, "notes.txt", NOTES)
    wanted = {"filename": "notes.txt", "mime": "text/plain", "size": len(NOTES)}
    named = re.fullmatch(r"[0-9a-f-]{32,36}", str(about["id"]))
    expect(wanted.items() <= about.items() and named,
           f"The response has `upload` with {wanted} and an `id` of 32 hexadecimal digits.",
           f"{about}",
           "Use `uuid4().hex` as the id, because nobody can guess it. `size` is in bytes.")  # fmt: skip


@promise(since="files", final_app=True)
def a_message_lists_its_files(chat: Stage) -> None:
    """A message lists its files, and everyone in the room receives the list."""
    room = make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo") as (ada, bo):
        ada.join(room)
        bo.join(room)
        about = kept(chat, "Ada", room, "cake.png", PNG)
        message = ada.said("", room, uploads=[about["id"]])
        heard = bo.messages()
        stored = bo.sync(number_of(message) - 1, room)
    for where, messages in (
        ("in the acknowledgement", [message]),
        ("in `new_message`", heard),
        ("from `sync`", stored),
    ):
        seen = [_files_of(each) for each in messages]
        expect(seen == [[about]], f"The message {where} has `uploads` with {about}.",
               f"{seen}",
               "Put the files into the message before you commit it: `stored.uploads = "
               "files.claim(uploads, user, room)`. In `as_dict`, add a description of each file: "
               '`"uploads": [upload.as_dict() for upload in self.uploads]`.')  # fmt: skip


@promise(since="files")
def a_file_has_a_largest_size(chat: Stage) -> None:
    """A file larger than 5 MB is refused with status 413 and the reason."""
    room = make_room(chat, "Ada")
    kept(chat, "Ada", room, "long.txt", b"a" * MUCH)
    answer = upload(chat, "Ada", room, "longer.txt", b"a" * TOO_MUCH)
    was_refused(chat, answer, {413}, f"a file of {TOO_MUCH / 1_000_000:.1f} MB",
                'Set `app.config["MAX_CONTENT_LENGTH"]`. Flask then returns status 413 by itself. Write '
                'an error handler that gives this response the form of a refusal.')  # fmt: skip


@promise(since="files", final_app=True, file="files.py")
def the_content_says_what_a_file_is(chat: Stage) -> None:
    """A file's type is determined by its content, not by its name."""
    room = make_room(chat, "Ada")
    about = kept(chat, "Ada", room, "notes.txt", PNG, "text/plain")
    expect(about.get("mime") == "image/png",
           "A PNG that is called notes.txt has the type image/png.",
           f"{about.get('mime')!r}", BY_CONTENT)  # fmt: skip
    for content in (HTML, SVG):
        answer = upload(chat, "Ada", room, "cake.png", content, "image/png")
        mime = answer.json()["upload"]["mime"] if answer.ok else ""
        expect(not mime.startswith("image/") and "html" not in mime,
               "An HTML page or an SVG with a script is not a picture, even if it is called "
               "cake.png. It is refused or stored as text.", f"{mime!r}", BY_CONTENT)  # fmt: skip


@promise(since="files", file="files.py")
def an_unknown_type_is_refused(chat: Stage) -> None:
    """A file that is neither a picture nor text is refused."""
    room = make_room(chat, "Ada")
    answer = upload(chat, "Ada", room, "cake.png", NO_KIND, "image/png")
    was_refused(chat, answer, {400, 415}, "a file that is neither a picture nor text", BY_CONTENT)


@promise(since="files", final_app=True, file="files.py")
def a_name_is_only_a_label(chat: Stage) -> None:
    """A file's name is only a label, not a path."""
    room = make_room(chat, "Ada")
    names = ("../../app.py", "..\\..\\app.py", "/etc/passwd", "a\u202eb\t.txt", "n" * 300, "app.py")
    for number, name in enumerate(names):
        about = kept(chat, "Ada", room, name, f"file {number}".encode())
        label = str(about.get("filename"))
        expect(label and len(label) <= LONGEST_LABEL and label.isprintable() and not _leads(label),
               f"The label of a file called {name[:20]!r} has no path, no invisible characters, "
               f"and at most {LONGEST_LABEL} characters.", f"{label!r}",
               "Keep only what comes after the last / or \\, remove every character that is not "
               f"`isprintable()`, and shorten the rest with `[-{LONGEST_LABEL}:]`.")  # fmt: skip
    named = [path.name for path in stored_files(chat) if re.search("app|passwd|nnn", path.name)]
    if named:
        raise Broken("A file is stored under its id.", f"stored as {named[0][:40]!r}", BY_ID)


@promise(since="files", final_app=True, file="files.py")
def a_message_takes_only_its_authors_files(chat: Stage) -> None:
    """A message can include only files that its author uploaded to this room, and each only once."""
    room, other = make_room(chat, "Ada"), make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo") as (ada, bo):
        for person in (ada, bo):
            person.join(room)
            person.join(other)
        own = str(kept(chat, "Ada", room, "own.txt", b"own")["id"])
        elsewhere = str(kept(chat, "Ada", other, "other.txt", b"other")["id"])
        tries = (
            (bo, [own], "somebody else's file", "Check `owner_id=me.id`."),
            (ada, [elsewhere], "a file of another room", "Check `room_id=room.id`."),
            (ada, ["0" * 32], "a file that does not exist", COUNT_THEM),
            (ada, ["\ud83d"], "half a character as an id", COUNT_THEM),
            (ada, [7], "a number as an id", COUNT_THEM),
        )
        for who, uploads, what, hint in tries:
            _is_refused(who.say("", room, uploads=uploads), what, hint)
        ada.said("Mine", room, uploads=[own])
        answer = ada.say("Again", room, uploads=[own])
        _is_refused(answer, "a file that was sent already", "Check `message_seq=None`.")
        _is_refused(ada.say("", room, uploads=[]), "neither text nor file",
                    "The text can be empty only if there is a file.")  # fmt: skip


@promise(since="files", final_app=True)
def only_members_upload(chat: Stage) -> None:
    """Only members can upload files to a room, and only with a CSRF token."""
    room = make_room(chat, "Ada")
    was_refused(chat, upload(chat, "Cy", room, "cake.png", PNG), {403, 404},
                "to a room that the person is not in",
                "In the route, check that the person is a member, as every event does.")  # fmt: skip
    answer = upload(chat, "Ada", room, "cake.png", PNG, headers={TOKEN_HEADER: ""})
    expect(answer.status_code == 400, "Uploading without a CSRF token returns status 400.",
           f"status {answer.status_code}",
           "`CSRFProtect` covers this route, too, unless you exempt it. The script sends the token "
           "as a field of the form or in the header `X-CSRFToken`.")  # fmt: skip


@promise(since="files", file="templates/chat.html")
def the_page_names_the_files(chat: Stage) -> None:
    """The page shows the name of a message's file as text, whatever the name contains."""
    line, label = line_with_a_file(chat)
    expect(not line.find("img", src="x") and label in text_of(line),
           f"The message on the page shows the file's name, {label}, as text.", str(line)[:160],
           "In the macro, write `{{ upload.filename }}` for each of `message.uploads`. A template "
           "escapes every value, unless `|safe` switches it off.")  # fmt: skip


def line_with_a_file(chat: Stage) -> tuple[Tag, str]:
    """Send a file as Ada. Return the line of her message on the page, and the file's label."""
    room = make_room(chat, "Ada")
    about = kept(chat, "Ada", room, HOSTILE_NAME, b"text")
    with entered(chat, "Ada") as (ada,):
        ada.said("Look", room, uploads=[about["id"]])
    return lines(chat, account_of(chat).room_page(room))[-1], str(about["filename"])


@exercise("files", "files.py")
def an_unsent_file_is_deleted(chat: Stage) -> None:
    """When somebody uploads another file to a room, their previous one is deleted if it is unsent."""
    room, other = make_room(chat, "Ada"), make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo") as (ada, bo):
        bo.join(room)
        ids = {}
        for name, where, who in (
            ("sent", room, ada), ("unsent", room, ada), ("elsewhere", other, ada),
            ("Bo's", room, bo), ("newest", room, ada),
        ):  # fmt: skip
            content = f"This file is {name}.".encode()
            ids[name] = kept(chat, who.name, where, "file.txt", content)["id"]
            if name == "sent":
                ada.said("", room, uploads=[ids[name]])
        stored = {path.read_bytes() for path in stored_files(chat)}
        answer = ada.say("", room, uploads=[ids["unsent"]])
        gone = fields(answer).get("ok") is False
        attempted(gone or b"This file is unsent." not in stored,
                  "When Ada uploads another file, the server deletes the previous one, which she "
                  "has not sent.",
                  "a message can still include it", "Delete it in `keep`, in files.py.")  # fmt: skip
        expect(gone, "No message can include a deleted file.", "the server accepts the message",
               "Delete the row, too: `db.session.delete(upload)`.")  # fmt: skip
        expect(b"This file is unsent." not in stored, "The file's bytes are deleted, too.",
               "they are still in the instance folder", "Call `path_of(upload).unlink()`.")  # fmt: skip
        expect(b"This file is sent." in stored, "The server keeps a file that has been sent.",
               "it is deleted",
               "Delete only files that do not belong to a message: `message_seq=None`.")  # fmt: skip
        for who, where, name, hint in (
            (ada, room, "newest", "Delete the previous file before you store the new one."),
            (ada, other, "elsewhere", "Delete only the files of this room: `room_id=room.id`."),
            (bo, room, "Bo's", "Delete only the person's own files: `owner_id=owner.id`."),
        ):
            answer = who.say("", where, uploads=[ids[name]])
            expect(fields(answer).get("ok"),
                   f"A message can still include the file that is {name}.", f"{answer!r}",
                   hint)  # fmt: skip


BY_CONTENT = (
    "Look at the first bytes of the file: each kind of picture has its own signature. Do not trust "
    "the name and the type in the upload, because the sender chooses them."
)
BY_ID = (
    "Store the bytes under the id, and keep the name in the table. A name can contain a path, and "
    "two files can have the same name."
)
COUNT_THEM = "Refuse the message unless you find all the files that it names."


def _files_of(message: Message) -> list[dict[str, object]]:
    wanted = ("id", "filename", "mime", "size")
    files = message.get("uploads") or []
    return [{key: each.get(key) for key in wanted} for each in files]


def _leads(label: str) -> bool:
    return "/" in label or "\\" in label or set(label) == {"."}


def _is_refused(answer: object, what: str, hint: str) -> None:
    expect(fields(answer).get("ok") is False, f"A message with {what} is refused.",
           f"{answer!r}"[:160],
           "A message can include only files that its author uploaded to this room and that are not in "
           f"a message yet. {hint}")  # fmt: skip
