"""Promises of step 10 about files: what is taken, what it is called, and what a message tells of it."""

import re

from bs4 import Tag

from workshop.contract.answers import messages_told, payload, said
from workshop.contract.asking import answered, ask
from workshop.contract.browse import attribute, read_chat, text_of
from workshop.contract.families import Message
from workshop.contract.history import number_of_message, synced
from workshop.contract.history_page import lines
from workshop.contract.people import entered
from workshop.contract.promise import Broken, promise
from workshop.contract.rooms import join, make_room, rooms_of
from workshop.contract.storage import stored_files
from workshop.contract.uploading import NOTES, PNG, kept, upload, was_refused
from workshop.stages import Stage

TOO_MUCH = 5 * 1024 * 1024 + 300_000  # bytes, and some for the form around it
MUCH = 4_900_000  # bytes
LONGEST_LABEL = 100  # characters
HOSTILE_NAME = '<img src="x" onerror="alert(1)">.txt'
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
NO_KIND = b"PK\x03\x04" + bytes(range(256))  # begins as an archive does


@promise(since="10", final_app=True)
def a_file_is_uploaded_by_http(chat: Stage) -> None:
    """A file is uploaded by HTTP, and the answer tells what was kept."""
    room = make_room(chat, "Ada")
    about = kept(chat, "Ada", room, "notes.txt", NOTES)
    wanted = {"filename": "notes.txt", "mime": "text/plain", "size": len(NOTES)}
    if not wanted.items() <= about.items() or not re.fullmatch(
        r"[0-9a-f-]{32,36}", str(about.get("id"))
    ):
        raise Broken(
            expected=f"The answer has `upload` with {wanted} and an `id` of 32 hexadecimal digits.",
            seen=f"{about}",
            hint="`uuid4().hex` is an id that nobody guesses; `size` is in bytes.",
        )


@promise(since="10", final_app=True)
def a_message_tells_of_its_files(chat: Stage) -> None:
    """A message names its files, and everyone in the room receives what they need to fetch them."""
    room = make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo") as (ada, bo):
        join(chat, ada, room)
        join(chat, bo, room)
        about = kept(chat, "Ada", room, "cake.png", PNG)
        message = said(chat, ada, "", room, uploads=[about["id"]])
        heard = messages_told(chat, bo)
        stored = synced(chat, bo, number_of_message(message) - 1, room)
    for where, messages in (("acknowledged", [message]), ("heard", heard), ("synced", stored)):
        seen = [_files_of(each) for each in messages]
        if seen != [[about]]:
            raise Broken(
                expected=f"The message, as it is {where}, has `uploads` with {about}.",
                seen=f"{seen}",
                hint="The message has its list, but nobody puts the files into it: "
                "`stored.uploads = claimed(uploads, me, room)`, before it is committed."
                if [each.get("uploads") for each in messages] == [[]]
                else "A file never travels through the socket, what is known of it does: "
                '`"uploads": [upload.as_dict() for upload in self.uploads]` in the message.',
            )


@promise(since="10")
def a_file_has_a_largest_size(chat: Stage) -> None:
    """A file of more than 5 MB is refused, with status 413 and the reason."""
    room = make_room(chat, "Ada")
    kept(chat, "Ada", room, "long.txt", b"a" * MUCH)
    answer = upload(chat, "Ada", room, "longer.txt", b"a" * TOO_MUCH)
    was_refused(
        chat, answer, {413}, f"a file of {TOO_MUCH / 1_000_000:.1f} MB",
        '`app.config["MAX_CONTENT_LENGTH"]`: Flask then answers 413 by itself; an error handler '
        "gives it the shape of a refusal.",
    )  # fmt: skip


@promise(since="10", final_app=True)
def the_content_says_what_a_file_is(chat: Stage) -> None:
    """What a file is, its content says, and never its name."""
    room = make_room(chat, "Ada")
    about = kept(chat, "Ada", room, "notes.txt", PNG, "text/plain")
    if about.get("mime") != "image/png":
        raise Broken(
            expected="A PNG that is called notes.txt is an image/png.",
            seen=f"{about.get('mime')!r}",
            hint=BY_CONTENT,
        )
    for content in (HTML, SVG):
        answer = upload(chat, "Ada", room, "cake.png", content, "image/png")
        mime = answer.json()["upload"]["mime"] if answer.ok else ""
        if mime.startswith("image/") or "html" in mime:
            raise Broken(
                expected="A page, or a drawing with a script in it, that is called cake.png is no "
                "picture: it is refused, or kept as text.",
                seen=f"{mime!r}",
                hint=BY_CONTENT,
            )


@promise(since="10")
def what_nobody_knows_is_refused(chat: Stage) -> None:
    """What is neither a picture nor a text is refused."""
    room = make_room(chat, "Ada")
    answer = upload(chat, "Ada", room, "cake.png", NO_KIND, "image/png")
    was_refused(chat, answer, {400, 415}, "what is neither a picture nor a text", BY_CONTENT)


@promise(since="10", final_app=True)
def a_name_is_only_a_label(chat: Stage) -> None:
    """A file's name is a label: it leads nowhere, and two of the same name are two."""
    room, browser = make_room(chat, "Ada"), rooms_of(chat).browser(chat, "Ada")
    names = ("../../app.py", "..\\..\\app.py", "/etc/passwd", "a\u202eb\t.txt", "n" * 300, "app.py")
    for number, name in enumerate(names):
        content = f"file {number}".encode()
        about = kept(chat, "Ada", room, name, content)
        label = str(about.get("filename"))
        if not label or len(label) > LONGEST_LABEL or not label.isprintable() or _leads(label):
            raise Broken(
                expected=f"A file called {name[:20]!r} gets a label without a path, without signs "
                f"that nobody can see, of at most {LONGEST_LABEL} characters.",
                seen=f"{label!r}",
                hint="Only what stands behind the last / or \\, of that what `isprintable()`, and "
                f"`[-{LONGEST_LABEL}:]` of it.",
            )
        answer = answered(chat, browser.get(f"/files/{about['id']}"))
        if answer.content != content:
            raise Broken(
                expected=f"What was uploaded as {name[:20]!r} comes back as it was.",
                seen=f"status {answer.status_code}, “{answer.text[:60]}”",
                hint=BY_ID,
            )
    named = [path.name for path in stored_files(chat) if re.search("app|passwd|nnn", path.name)]
    if named:
        raise Broken(
            expected="A file is stored under its id.",
            seen=f"stored as {named[0][:40]!r}",
            hint=BY_ID,
        )


@promise(since="10", final_app=True)
def a_message_takes_only_ones_own_files(chat: Stage) -> None:
    """A message takes files that its author has uploaded to this room, each once."""
    room, other = make_room(chat, "Ada"), make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo") as (ada, bo):
        for person in (ada, bo):
            join(chat, person, room)
            join(chat, person, other)
        own = str(kept(chat, "Ada", room, "own.txt", b"own")["id"])
        elsewhere = str(kept(chat, "Ada", other, "other.txt", b"other")["id"])
        tries = (
            (bo, [own], "somebody else's file", "`owner_id=me.id`"),
            (ada, [elsewhere], "a file of another room", "`room_id=room.id`"),
            (ada, ["0" * 32], "a file that is not there", "as many found as were named"),
            (ada, ["\ud83d"], "half a character", "as many found as were named"),
            (ada, [7], "something that is no id", "as many found as were named"),
        )
        for who, uploads, what, hint in tries:
            data = payload(chat, who, "", room) | {"uploads": uploads}
            _is_refused(ask(chat, who, "new_message", data), what, hint)
        said(chat, ada, "Mine", room, uploads=[own])
        data = payload(chat, ada, "Again", room) | {"uploads": [own]}
        answer = ask(chat, ada, "new_message", data)
        _is_refused(answer, "a file that was sent already", "`message_seq=None`")
        data = payload(chat, ada, "", room) | {"uploads": []}
        _is_refused(ask(chat, ada, "new_message", data), "neither text nor file",
                    "the text may be empty only where there is a file")  # fmt: skip


@promise(since="10")
def the_page_shows_files_as_links(chat: Stage) -> None:
    """The page shows a file as a link with its name, as text, whatever the name holds."""
    rooms, room = rooms_of(chat), make_room(chat, "Ada")
    with entered(chat, "Ada") as (ada,):
        join(chat, ada, room)
        about = kept(chat, "Ada", room, HOSTILE_NAME, b"text")
        said(chat, ada, "Look", room, uploads=[about["id"]])
    line = lines(chat, rooms.room_page(chat, room))[-1]
    links = [link for link in line("a") if attribute(link, "href").endswith(f"files/{about['id']}")]
    if not links:
        raise Broken(
            expected=f"The line of the message has a link to files/{about['id']}.",
            seen=str(line)[:160],
            hint="In the macro: `<a href=\"{{ url_for('download', upload_id=upload.id) }}\">` for "
            "each of `uploads`, which the page must be given.",
        )
    if line.find("img", src="x") or str(about["filename"]) not in text_of(line):
        raise Broken(
            expected="The file's name stands in the page as text.",
            seen=str(line)[:160],
            hint="A template escapes what it is given, unless `|safe` switches it off.",
        )


@promise(since="10")
def the_form_sends_a_file_with_its_room(chat: Stage) -> None:
    """The page's form carries the file, and the number of the room that it is for."""
    room = make_room(chat, "Ada")
    page = read_chat(chat, "Ada", rooms_of(chat).room_page(chat, room))
    form = page.find(id="message-form")
    fields = form("input") if isinstance(form, Tag) else []
    given = {attribute(field, "name"): attribute(field, "value") for field in fields}
    if "file" not in given or given.get("room") != str(room):
        raise Broken(
            expected=f'`#message-form` has the fields `file` and `room`, and `room` holds "{room}".',
            seen=str(given),
            hint="`new FormData(form)` takes every field that has a `name`: "
            '`<input name="room" type="hidden" value="{{ room_id }}">`.',
        )


BY_CONTENT = (
    "Look at the first bytes: each kind of picture has its signature. The name and the type that "
    "come along are written by whoever sends."
)
BY_ID = (
    "Store the bytes under the id, and keep the name in the table: a name can hold a path, and "
    "two files can have the same one."
)


def _files_of(message: Message) -> list[dict[str, object]]:
    wanted = ("id", "filename", "mime", "size")
    files = message.get("uploads") or []
    return [{key: each.get(key) for key in wanted} for each in files]


def _leads(label: str) -> bool:
    return "/" in label or "\\" in label or set(label) == {"."}


def _is_refused(answer: object, what: str, hint: str) -> None:
    if isinstance(answer, dict) and answer.get("ok") is False:
        return
    raise Broken(
        expected=f"A message with {what} is refused.",
        seen=f"{answer!r}"[:160],
        hint=f"What a message names must be one's own, for this room, not sent yet, and all of it "
        f"must be found; here: {hint}.",
    )
