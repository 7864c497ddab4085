"""Promises of step 10 about who may upload to a room, and who may download from it, and how."""

import requests

from workshop.browser import TOKEN_HEADER, Browser
from workshop.contract.answers import said
from workshop.contract.asking import answered
from workshop.contract.people import entered
from workshop.contract.promise import Broken, promise
from workshop.contract.rooms import join, make_room, rooms_of
from workshop.contract.uploading import NOTES, PNG, kept, upload, was_refused
from workshop.stages import Stage


@promise(since="10", final_app=True)
def only_members_upload(chat: Stage) -> None:
    """Who is not in a room cannot upload anything there; nor can a form without a token."""
    room = make_room(chat, "Ada")
    was_refused(
        chat, upload(chat, "Cy", room, "cake.png", PNG), {403, 404}, "to a room one is not in",
        "The route asks who is a member, as every event does.",
    )  # fmt: skip
    answer = upload(chat, "Ada", room, "cake.png", PNG, headers={TOKEN_HEADER: ""})
    if answer.status_code != 400:
        raise Broken(
            expected="To upload without a CSRF token answers 400.",
            seen=f"status {answer.status_code}",
            hint="CSRFProtect covers this route, too, unless it is exempt: the script sends the "
            "token along, as a field of the form or in the header X-CSRFToken.",
        )


@promise(since="10", final_app=True)
def only_members_download(chat: Stage) -> None:
    """A file is for who is in its room, at every request: for nobody else, and not after leaving."""
    rooms, room = rooms_of(chat), make_room(chat, "Ada")
    with entered(chat, "Ada", "Bo") as (ada, bo):
        join(chat, ada, room)
        join(chat, bo, room)
        about = kept(chat, "Ada", room, "notes.txt", NOTES)
        said(chat, ada, "Look", room, uploads=[about["id"]])
        address = f"/files/{about['id']}"
        bos = rooms.browser(chat, "Bo")
        seen = answered(chat, bos.get(address))
        if seen.status_code != 200 or seen.content != NOTES:
            raise Broken(
                expected="Bo, who is in the room, downloads what Ada has sent there.",
                seen=f"status {seen.status_code}, {len(seen.content)} bytes",
                hint='`@app.route("/files/<upload_id>")` sends the file of this id to members.',
            )
        rooms.leave(chat, bo, "Bo", room)
    for who, browser in (("Cy, who is not in the room", rooms.browser(chat, "Cy")),
                         ("Bo, who has left it", bos), ("a stranger", Browser(chat))):  # fmt: skip
        answer = answered(chat, browser.get(address))
        if answer.content == NOTES or (answer.ok and who != "a stranger"):
            raise Broken(
                expected=f"For {who}, the file is not there: 404.",
                seen=f"status {answer.status_code}, {len(answer.content)} bytes",
                hint="An address is no secret: ask at every request who it is, and whether they "
                "are in the file's room now; otherwise `abort(404)`.",
            )


@promise(since="10", final_app=True)
def only_pictures_are_shown(chat: Stage) -> None:
    """A picture is shown, anything else is only saved, and no browser guesses what it is."""
    room = make_room(chat, "Ada")
    picture = _downloaded(chat, room, "cake.png", PNG)
    page = _downloaded(chat, room, "page.html", b"<!doctype html><script>alert(1)</script>")
    if not picture.headers["Content-Type"].startswith("image/png") or _is_attachment(picture):
        raise Broken(
            expected="A PNG comes as image/png, to be shown.",
            seen=f"{picture.headers['Content-Type']}, "
            f"{picture.headers.get('Content-Disposition', 'no Content-Disposition')}",
            hint="`send_file(path, mimetype=upload.mime, as_attachment=…)`, with the type that the "
            "content has shown.",
        )
    if not _is_attachment(page) or "html" in page.headers["Content-Type"]:
        raise Broken(
            expected="A page comes as an attachment, which a browser saves and does not open.",
            seen=f"{page.headers['Content-Type']}, "
            f"{page.headers.get('Content-Disposition', 'no Content-Disposition')}",
            hint="Opened from your server, its script would act as whoever looks at it: "
            "`as_attachment=True` for everything but pictures.",
        )
    if any(each.headers.get("X-Content-Type-Options") != "nosniff" for each in (picture, page)):
        raise Broken(
            expected="Every file comes with `X-Content-Type-Options: nosniff`.",
            seen=f"{picture.headers.get('X-Content-Type-Options')!r}",
            hint='`response.headers["X-Content-Type-Options"] = "nosniff"`: some browsers guess '
            "from the content, and take a text for a page.",
        )


def _downloaded(chat: Stage, room: int, filename: str, content: bytes) -> requests.Response:
    about = kept(chat, "Ada", room, filename, content)
    browser = rooms_of(chat).browser(chat, "Ada")
    return answered(chat, browser.get(f"/files/{about['id']}"))


def _is_attachment(answer: requests.Response) -> bool:
    return answer.headers.get("Content-Disposition", "").startswith("attachment")
