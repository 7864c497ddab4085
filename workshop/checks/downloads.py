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
    """Who is not in a room cannot upload anything there; nor can a form without a token."""
    room = make_room(chat, "Ada")
    was_refused(chat, upload(chat, "Cy", room, "cake.png", PNG), {403, 404},
                "to a room one is not in",
                "The route asks who is a member, as every event does.")  # fmt: skip
    answer = upload(chat, "Ada", room, "cake.png", PNG, headers={TOKEN_HEADER: ""})
    expect(answer.status_code == 400, "To upload without a CSRF token answers 400.",
           f"status {answer.status_code}",
           "CSRFProtect covers this route, too, unless it is exempt: the script sends the token "
           "along, as a field of the form or in the header X-CSRFToken.")  # fmt: skip


@promise(since="files", final_app=True)
def only_members_download(chat: Stage) -> None:
    """A file is for who is in its room, at every request: for nobody else, and not after leaving."""
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
               "Bo, who is in the room, downloads what Ada has sent there.",
               f"status {seen.status_code}, {len(seen.content)} bytes",
               '`@app.route("/files/<upload_id>")` sends the file of this id to members.')  # fmt: skip
        bo.leave(room)
    for who, browser in (("Cy, who is not in the room", rooms.browser("Cy")),
                         ("Bo, who has left it", bos), ("a stranger", Browser(chat))):  # fmt: skip
        answer = answered(chat, browser.get(address))
        expect(answer.content != NOTES and (not answer.ok or who == "a stranger"),
               f"For {who}, the file is not there: 404.",
               f"status {answer.status_code}, {len(answer.content)} bytes",
               "An address is no secret: ask at every request who it is, and whether they are in "
               "the file's room now; otherwise `abort(404)`.")  # fmt: skip


@promise(since="files", final_app=True)
def only_pictures_are_shown(chat: Stage) -> None:
    """A picture is shown, anything else is only saved, and no browser guesses what it is."""
    room = make_room(chat, "Ada")
    picture = _downloaded(chat, room, "cake.png", PNG)
    page = _downloaded(chat, room, "page.html", b"<!doctype html><script>alert(1)</script>")
    expect(picture.headers["Content-Type"].startswith("image/png") and not _is_attachment(picture),
           "A PNG comes as image/png, to be shown.",
           f"{picture.headers['Content-Type']}, "
           f"{picture.headers.get('Content-Disposition', 'no Content-Disposition')}",
           "`send_file(path, mimetype=upload.mime, as_attachment=…)`, with the type that the "
           "content has shown.")  # fmt: skip
    expect(_is_attachment(page) and "html" not in page.headers["Content-Type"],
           "A page comes as an attachment, which a browser saves and does not open.",
           f"{page.headers['Content-Type']}, "
           f"{page.headers.get('Content-Disposition', 'no Content-Disposition')}",
           "Opened from your server, its script would act as whoever looks at it: "
           "`as_attachment=True` for everything but pictures.")  # fmt: skip
    kinds = {each.headers.get("X-Content-Type-Options") for each in (picture, page)}
    expect(kinds == {"nosniff"}, "Every file comes with `X-Content-Type-Options: nosniff`.",
           f"{picture.headers.get('X-Content-Type-Options')!r}",
           '`response.headers["X-Content-Type-Options"] = "nosniff"`: some browsers guess '
           "from the content, and take a text for a page.")  # fmt: skip


def _downloaded(chat: Stage, room: int, filename: str, content: bytes) -> requests.Response:
    about = kept(chat, "Ada", room, filename, content)
    browser = account_of(chat).browser("Ada")
    return answered(chat, browser.get(f"/files/{about['id']}"))


def _is_attachment(answer: requests.Response) -> bool:
    return answer.headers.get("Content-Disposition", "").startswith("attachment")


@exercise("files")
def pictures_have_thumbnails(chat: Stage) -> None:
    """A picture has a thumbnail for who may see it, and the page shows it."""
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
              "/files/<id>/thumb answers with a small picture.", f"status {answer.status_code}",
              'It begins with `@app.route("/files/<upload_id>/thumb")`.')  # fmt: skip
    _is_small(answer.content)
    for name in ("notes.txt", "broken.png"):
        status = ada.get(f"/files/{files[name]['id']}/thumb").status_code
        expect(400 <= status < 500,
               f"For {name}, which Pillow cannot open, there is no thumbnail: 404.",
               f"status {status}",
               "Whatever begins like a picture may still be none: catch Pillow's `OSError` and "
               "`abort(404)`.")  # fmt: skip
    expect(not answered(chat, rooms.browser("Cy").get(address)).ok,
           "A thumbnail is for who may see the picture: 404 for everybody else.",
           "Cy, who is not in the room, gets it",
           "The route asks the same as that of the file: put it into a function.")  # fmt: skip
    _page_shows_it(chat, room, str(files["cake.png"]["id"]))


def _is_small(content: bytes) -> None:
    try:
        width, height = Image.open(io.BytesIO(content)).size
    except UnidentifiedImageError:
        width = height = 0
    expect(0 < max(width, height) <= LARGEST and abs(width / height - 1.5) <= 0.05,
           f"The thumbnail of a picture of 600 × 400 has at most {LARGEST} pixels a side, and the "
           "same shape.", f"{width} × {height}" if width else "no picture",
           f"`picture.thumbnail(({LARGEST}, {LARGEST}))` keeps the shape; save it into an "
           "`io.BytesIO()`, go back to its beginning, and send it.")  # fmt: skip


def _page_shows_it(chat: Stage, room: int, upload_id: str) -> None:
    with entered(chat, "Ada") as (ada,):
        ada.join(room)
        ada.said("Look", room, uploads=[upload_id])
    line = lines(chat, account_of(chat).room_page(room))[-1]
    pictures = [each for each in line("img") if upload_id in attribute(each, "src")]
    expect(pictures and attribute(pictures[0], "src").endswith("/thumb"),
           f"In the page, the message has an <img> of files/{upload_id}/thumb.", str(line)[:160],
           "In the macro, where `upload.mime` begins with image/: an <img> inside the "
           "link.")  # fmt: skip
    expect(pictures[0].has_attr("alt"),
           "The picture says what it is to who does not see it, or that it is told beside.",
           str(pictures[0])[:160],
           '`alt=""`, where the name stands beside it; otherwise the name.')  # fmt: skip
    with visitors(chat, "Ada") as (page,), entered(chat, "Ada") as (ada,):
        about = kept(chat, "Ada", account_of(chat).general, "tea.png", _picture(60, 40))
        ada.said("Live", uploads=[about["id"]])
        page.did = "Ada sent a picture from another tab."
        wanted = f"files/{about['id']}/thumb"
        page.expects(
            lambda: any(wanted in str(each) for each in page.page.attributes(f"{LOG} img", "src")),
            "The page shows the thumbnail when the message comes live.",
            '`picture.src = "files/" + upload.id + "/thumb"`, where `upload.mime` begins with image/.',
            f"The images of the log are {page.page.attributes(f'{LOG} img', 'src')}.",
        )


def _picture(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    return file.getvalue()
