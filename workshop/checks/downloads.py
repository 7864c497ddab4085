"""Step 10: who may upload to a room and download from it, and how; the exercise: thumbnails."""

import io

import requests
from PIL import Image, UnidentifiedImageError

from workshop.browser import TOKEN_HEADER, Browser
from workshop.checks.browse import attribute, lines
from workshop.checks.client import entered
from workshop.checks.families import account_of, make_room
from workshop.checks.files import NOTES, PNG, kept, upload, was_refused
from workshop.checks.promise import attempted, exercise, expect, promise
from workshop.checks.speakers import answered
from workshop.checks.visitors import LOG, visitors
from workshop.stages import Stage

LARGEST = 200  # pixels of a thumbnail's longer side
BROKEN_PICTURE = PNG[:20]  # begins as a picture, and is none


@promise(since="files", final_app=True)
def only_members_upload(chat: Stage) -> None:
    """Only members upload files to a room, and only with a CSRF token."""
    room = make_room(chat, "Ada")
    was_refused(chat, upload(chat, "Cy", room, "cake.png", PNG), {403, 404},
                "to a room that the person is not in",
                "In the route, check who is a member, as in every event.")  # fmt: skip
    answer = upload(chat, "Ada", room, "cake.png", PNG, headers={TOKEN_HEADER: ""})
    expect(answer.status_code == 400, "Uploading without a CSRF token returns status 400.",
           f"status {answer.status_code}",
           "`CSRFProtect` covers this route, too, unless you exempt it. The script sends the token "
           "as a field of the form or in the header `X-CSRFToken`.")  # fmt: skip


@promise(since="files", final_app=True)
def only_members_download(chat: Stage) -> None:
    """Only people who are in a file's room can download it, and only until they leave."""
    rooms, room = account_of(chat), make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo") as (ada, bo):
        ada.join(room)
        bo.join(room)
        about = kept(chat, "Ada", room, "notes.txt", NOTES)
        ada.said("Look", room, uploads=[about["id"]])
        address = f"/files/{about['id']}"
        bos = bo.browser
        seen = answered(chat, bos.get(address))
        expect(seen.status_code == 200 and seen.content == NOTES,
               "Bo, who is in the room, can download Ada's file.",
               f"status {seen.status_code}, {len(seen.content)} bytes",
               'In `@app.route("/files/<upload_id>")`, send the file with this id to '
               'members.')  # fmt: skip
        bo.leave(room)
    for who, browser in (("Cy, who is not in the room", rooms.browser("Cy")),
                         ("Bo, who has left it", bos), ("a stranger", Browser(chat))):  # fmt: skip
        answer = answered(chat, browser.get(address))
        expect(answer.content != NOTES and (not answer.ok or who == "a stranger"),
               f"The file's address returns status 404 to {who}.",
               f"status {answer.status_code}, {len(answer.content)} bytes",
               "An address is not a secret. At every request, find out who is asking, and whether "
               "they are in the file's room now. If they are not, `abort(404)`.")  # fmt: skip


@promise(since="files", final_app=True)
def only_pictures_are_shown(chat: Stage) -> None:
    """A browser shows a picture, saves any other file, and never guesses the type."""
    room = make_room(chat, "Ada")
    picture = _downloaded(chat, room, "cake.png", PNG)
    page = _downloaded(chat, room, "page.html", b"<!doctype html><script>alert(1)</script>")
    expect(picture.headers["Content-Type"].startswith("image/png") and not _is_attachment(picture),
           "The server sends a PNG as image/png, and not as an attachment.",
           f"{picture.headers['Content-Type']}, "
           f"{picture.headers.get('Content-Disposition', 'no Content-Disposition')}",
           "Call `send_file(path, mimetype=upload.mime, as_attachment=…)` with the type that you "
           "found in the content.")  # fmt: skip
    expect(_is_attachment(page) and "html" not in page.headers["Content-Type"],
           "The server sends an HTML page as an attachment, which a browser saves and does not "
           "open.",
           f"{page.headers['Content-Type']}, "
           f"{page.headers.get('Content-Disposition', 'no Content-Disposition')}",
           "Pass `as_attachment=True` for everything but pictures. If a browser opens a page from "
           "your server, its script can act as the person who looks at it.")  # fmt: skip
    kinds = {each.headers.get("X-Content-Type-Options") for each in (picture, page)}
    expect(kinds == {"nosniff"},
           "The server sends every file with `X-Content-Type-Options: nosniff`.",
           f"{picture.headers.get('X-Content-Type-Options')!r}",
           'Set `response.headers["X-Content-Type-Options"] = "nosniff"`. Without it, some '
           'browsers guess the type from the content, and open a text as a page.')  # fmt: skip


def _downloaded(chat: Stage, room: int, filename: str, content: bytes) -> requests.Response:
    about = kept(chat, "Ada", room, filename, content)
    browser = account_of(chat).browser("Ada")
    return answered(chat, browser.get(f"/files/{about['id']}"))


def _is_attachment(answer: requests.Response) -> bool:
    return answer.headers.get("Content-Disposition", "").startswith("attachment")


@exercise("files")
def pictures_have_thumbnails(chat: Stage) -> None:
    """A picture has a thumbnail for the people who may see it, and the page shows it."""
    rooms, room = account_of(chat), make_room(chat, "Ada")
    ada = rooms.browser("Ada")
    files = {
        name: kept(chat, "Ada", room, name, content)
        for name, content in (
            ("cake.png", _picture(600, 400)), ("notes.txt", b"no picture"),
            ("broken.png", BROKEN_PICTURE),
        )
    }  # fmt: skip
    address = f"/files/{files['cake.png']['id']}/thumb"
    answer = answered(chat, ada.get(address))
    attempted(answer.status_code not in (404, 405),
              "/files/<id>/thumb returns a small picture.", f"status {answer.status_code}",
              'Start with `@app.route("/files/<upload_id>/thumb")`.')  # fmt: skip
    _is_small(answer.content)
    for name in ("notes.txt", "broken.png"):
        status = ada.get(f"/files/{files[name]['id']}/thumb").status_code
        expect(400 <= status < 500,
               f"The thumbnail of {name}, which Pillow cannot open, returns status 404.",
               f"status {status}",
               "A file that begins like a picture may still not be one. Catch Pillow's `OSError`, "
               "and `abort(404)`.")  # fmt: skip
    expect(not answered(chat, rooms.browser("Cy").get(address)).ok,
           "The thumbnail returns status 404 to everybody who may not see the picture.",
           "Cy, who is not in the room, gets it",
           "Check the same as in the route of the file: put the check into a function.")  # fmt: skip
    _page_shows_it(chat, room, str(files["cake.png"]["id"]))


def _is_small(content: bytes) -> None:
    try:
        width, height = Image.open(io.BytesIO(content)).size
    except UnidentifiedImageError:
        width = height = 0
    expect(0 < max(width, height) <= LARGEST and abs(width / height - 1.5) <= 0.05,
           f"The thumbnail of a 600 × 400 picture has at most {LARGEST} pixels on each side, and "
           "the same proportions.", f"{width} × {height}" if width else "not a picture",
           f"`picture.thumbnail(({LARGEST}, {LARGEST}))` keeps the proportions. Save the picture "
           "into an `io.BytesIO()`, call `seek(0)`, and send it.")  # fmt: skip


def _page_shows_it(chat: Stage, room: int, upload_id: str) -> None:
    with entered(chat, "Ada") as (ada,):
        ada.join(room)
        ada.said("Look", room, uploads=[upload_id])
    line = lines(chat, account_of(chat).room_page(room))[-1]
    pictures = [each for each in line("img") if upload_id in attribute(each, "src")]
    expect(pictures and attribute(pictures[0], "src").endswith("/thumb"),
           f"On the page, the message has an <img> with the source files/{upload_id}/thumb.",
           str(line)[:160],
           "In the macro, add an `<img>` inside the link if `upload.mime` begins with "
           "`image/`.")  # fmt: skip
    expect(pictures[0].has_attr("alt"),
           "The picture has an `alt` for people who cannot see it.",
           str(pictures[0])[:160],
           'Write `alt=""` if the file\'s name is next to the picture, and the name itself '
           'otherwise.')  # fmt: skip
    with visitors(chat, "Ada") as (page,), entered(chat, "Ada") as (ada,):
        about = kept(chat, "Ada", account_of(chat).general, "tea.png", _picture(60, 40))
        ada.said("Live", uploads=[about["id"]])
        page.did = "Ada sent a picture from another tab."
        wanted = f"files/{about['id']}/thumb"
        page.expects(
            lambda: any(wanted in str(each) for each in page.page.attributes(f"{LOG} img", "src")),
            "The page shows the thumbnail when the message arrives live.",
            'If `upload.mime` begins with `image/`, set `picture.src = "files/" + upload.id + '
            '"/thumb"`.',
            f"The images in the log are {page.page.attributes(f'{LOG} img', 'src')}.",
        )


def _picture(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    return file.getvalue()
