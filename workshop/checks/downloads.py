"""Downloads: who can download a file, and what a browser does with it. Exercise: pictures inline."""

import requests

from workshop.browser import Browser
from workshop.checks.browse import attribute, lines, text_of
from workshop.checks.client import entered
from workshop.checks.families import account_of, make_room
from workshop.checks.files import BY_ID, NOTES, PNG, kept, line_with_a_file
from workshop.checks.promise import attempted, exercise, expect, promise
from workshop.checks.speakers import answered
from workshop.checks.visitors import LOG, visitors
from workshop.stages import Stage


@promise(since="downloads", final_app=True, file="files.py")
def a_file_comes_back_unchanged(chat: Stage) -> None:
    """A downloaded file is identical to the uploaded one, even if another file has the same name."""
    room = make_room(chat, "Ada")
    contents = [b"my notes", b"other notes"]
    got = [_downloaded(chat, room, "notes.txt", content).content for content in contents]
    expect(
        got == contents,
        "Two different files with the name notes.txt can be downloaded unchanged.",
        f"{got}",
        BY_ID,
    )


@promise(since="downloads", file="templates/chat.html")
def the_page_links_to_files(chat: Stage) -> None:
    """The page shows a file as a link with its name."""
    line, label = line_with_a_file(chat)
    links = [link for link in line("a") if "files/" in attribute(link, "href")]
    expect(len(links) == 1 and label in text_of(links[0]),
           f"The message has one link, {label}, to /files/ followed by the id.", str(line)[:160],
           "In the macro, write `<a href=\"{{ url_for('download', upload_id=upload.id) }}\">` for "
           "each of `message.uploads`.")  # fmt: skip


@promise(since="downloads", final_app=True, file="files.py")
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
               "An address is not a secret. On every request, find out who is logged in, and "
               "whether they are currently in the file's room. If not, call `abort(404)`.")  # fmt: skip


@promise(since="downloads", final_app=True, file="files.py")
def only_pictures_are_shown(chat: Stage) -> None:
    """A browser shows a picture, saves any other file, and never guesses the type."""
    room = make_room(chat, "Ada")
    picture = _downloaded(chat, room, "cake.png", PNG)
    page = _downloaded(chat, room, "page.html", b"<!doctype html><script>alert(1)</script>")
    expect(picture.headers["Content-Type"].startswith("image/png") and not _is_attachment(picture),
           "The server sends a PNG as image/png, and not as an attachment.",
           _sent_as(picture),
           "Give `send_file` the type that you found in the content: "
           "`mimetype=upload.mime`.")  # fmt: skip
    expect(_is_attachment(page) and "html" not in page.headers["Content-Type"],
           "The server sends an HTML page as an attachment, which a browser saves and does not "
           "open.",
           _sent_as(page),
           "Pass `as_attachment=True` for everything but pictures. If a browser opens a page from "
           "your server, a script in it can act in the name of the person who views it.")  # fmt: skip
    kinds = {each.headers.get("X-Content-Type-Options") for each in (picture, page)}
    expect(kinds == {"nosniff"},
           "The server sends every file with `X-Content-Type-Options: nosniff`.",
           f"{picture.headers.get('X-Content-Type-Options')!r}",
           'Set `response.headers["X-Content-Type-Options"] = "nosniff"`. Without it, some '
           'browsers guess the type from the content, and open a text file as a page.')  # fmt: skip


def _downloaded(chat: Stage, room: int, filename: str, content: bytes) -> requests.Response:
    about = kept(chat, "Ada", room, filename, content)
    browser = account_of(chat).browser("Ada")
    return answered(chat, browser.get(f"/files/{about['id']}"))


def _sent_as(answer: requests.Response) -> str:
    how = answer.headers.get("Content-Disposition", "no Content-Disposition")
    return f"{answer.headers['Content-Type']}, {how}"


def _is_attachment(answer: requests.Response) -> bool:
    return answer.headers.get("Content-Disposition", "").startswith("attachment")


@exercise("downloads", "templates/chat.html")
def pictures_are_shown_inline(chat: Stage) -> None:
    """A message shows its pictures, both live and when the page loads. Other files are only links."""
    rooms = account_of(chat)
    with visitors(chat, "Ada") as (page,), entered(chat, "Ada") as (ada,):
        for name, content in (("notes.txt", NOTES), ("cake.png", PNG)):
            file = kept(chat, "Ada", rooms.general, name, content)["id"]
            ada.said("Look", uploads=[file])
        page.page.pages.settle()
        live, live_alts = (page.page.attributes(f"{LOG} img", each) for each in ("src", "alt"))
        linked = page.page.attributes(f"{LOG} a img", "src")
    loaded = [picture for line in lines(chat)[-2:] for picture in line("img")]
    came = [picture.get("src") for picture in loaded]
    attempted(live or came, "A message with a picture shows the picture.", "only a link",
              'If `upload.mime` begins with "image/", add an `<img>` to the link.')  # fmt: skip
    for when, seen, inside, alts, hint, about in (
        ("arrives live", live, linked, live_alts,
         'In `lineOf`, after the line with `link.textContent`, make the element with '
         '`document.createElement("img")`, set its `src`, and put it into the link.', "static/chat.js"),
        ("comes with the page", came, [each for each in loaded if each.find_parent("a")],
         [each.get("alt") for each in loaded],
         'In the macro, write `{% if upload.mime.startswith("image/") %}<img …>{% endif %}` inside the '
         "link.", "templates/chat.html"),
    ):  # fmt: skip
        expect(len(seen) == 1 and str(seen[0]).endswith(f"files/{file}"),
               f"When a message {when}, a PNG is an `<img>` with the address of the file, and a text "
               "file is not.", f"{seen or 'no picture'}", hint, about=about)  # fmt: skip
        expect(len(inside) == 1, f"When a message {when}, the picture is inside its link, so that a "
               "click shows it at full size.", "an `<img>` outside the link", hint,
               about=about)  # fmt: skip
        expect(None not in alts, f"When a message {when}, the picture has an `alt` for people who "
               "cannot see it.", "an `<img>` without `alt`",
               "The `alt` is empty, since the name is next to the picture.", about=about)  # fmt: skip
