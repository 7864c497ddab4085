"""The check of the exercise of step 10."""

import io

from PIL import Image, UnidentifiedImageError

from workshop.contract.answers import said
from workshop.contract.asking import answered
from workshop.contract.browse import attribute
from workshop.contract.history_page import lines
from workshop.contract.people import entered
from workshop.contract.promise import Broken, NotAttempted, exercise
from workshop.contract.rooms import join, make_room, rooms_of
from workshop.contract.scripts import own_script
from workshop.contract.uploading import PNG, kept
from workshop.stages import Stage

LARGEST = 200  # pixels of a thumbnail's longer side
BROKEN_PICTURE = PNG[:20]  # begins as a picture, and is none


@exercise("10")
def pictures_have_thumbnails(chat: Stage) -> None:
    """A picture has a thumbnail for who may see it, and the page shows it."""
    rooms, room = rooms_of(chat), make_room(chat, "Ada")
    ada = rooms.browser(chat, "Ada")
    files = {
        name: kept(chat, "Ada", room, name, content)
        for name, content in (
            ("cake.png", _picture(600, 400)), ("notes.txt", b"no picture"),
            ("broken.png", BROKEN_PICTURE),
        )
    }  # fmt: skip
    address = f"/files/{files['cake.png']['id']}/thumb"
    answer = answered(chat, ada.get(address))
    if answer.status_code in (404, 405):
        raise NotAttempted(
            expected="/files/<id>/thumb answers with a small picture.",
            seen=f"status {answer.status_code}",
            hint='It begins with `@app.route("/files/<upload_id>/thumb")`.',
        )
    _is_small(answer.content)
    for name in ("notes.txt", "broken.png"):
        status = ada.get(f"/files/{files[name]['id']}/thumb").status_code
        if not 400 <= status < 500:
            raise Broken(
                expected=f"For {name}, which Pillow cannot open, there is no thumbnail: 404.",
                seen=f"status {status}",
                hint="Whatever begins like a picture may still be none: catch Pillow's `OSError` "
                "and `abort(404)`.",
            )
    for who in ("Cy",):
        if answered(chat, rooms.browser(chat, who).get(address)).ok:
            raise Broken(
                expected="A thumbnail is for who may see the picture: 404 for everybody else.",
                seen=f"{who}, who is not in the room, gets it",
                hint="The route asks the same as that of the file: put it into a function.",
            )
    _page_shows_it(chat, room, str(files["cake.png"]["id"]))


def _is_small(content: bytes) -> None:
    try:
        width, height = Image.open(io.BytesIO(content)).size
    except UnidentifiedImageError:
        width = height = 0
    if not 0 < max(width, height) <= LARGEST or abs(width / height - 1.5) > 0.05:
        raise Broken(
            expected=f"The thumbnail of a picture of 600 × 400 has at most {LARGEST} pixels a side, "
            "and the same shape.",
            seen=f"{width} × {height}" if width else "no picture",
            hint=f"`picture.thumbnail(({LARGEST}, {LARGEST}))` keeps the shape; save it into an "
            "`io.BytesIO()`, go back to its beginning, and send it.",
        )


def _page_shows_it(chat: Stage, room: int, upload_id: str) -> None:
    with entered(chat, "Ada") as (ada,):
        join(chat, ada, room)
        said(chat, ada, "Look", room, uploads=[upload_id])
    line = lines(chat, rooms_of(chat).room_page(chat, room))[-1]
    pictures = [each for each in line("img") if upload_id in attribute(each, "src")]
    if not pictures or not attribute(pictures[0], "src").endswith("/thumb"):
        raise Broken(
            expected=f"In the page, the message has an <img> of files/{upload_id}/thumb.",
            seen=str(line)[:160],
            hint="In the macro, where `upload.mime` begins with image/: an <img> inside the link.",
        )
    if not pictures[0].has_attr("alt"):
        raise Broken(
            expected="The picture says what it is to who does not see it, or that it is told beside.",
            seen=str(pictures[0])[:160],
            hint='`alt=""`, where the name stands beside it; otherwise the name.',
        )
    if not any("thumb" in text for text in own_script(chat).texts()):
        raise Broken(
            expected="chat.js shows the thumbnail, too, when the message comes live.",
            seen="no address with /thumb in it",
            hint='`picture.src = "files/" + upload.id + "/thumb"`, where `upload.mime` begins with '
            "image/.",
        )


def _picture(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    return file.getvalue()
