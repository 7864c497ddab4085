"""Files: stored by content, shown only if harmless, and readable only by people with permission."""

import io
import json
import os
import signal
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from PIL import Image

from final_app import config
from final_app.errors import TooLarge
from final_app.storage import files
from tests.final_app.conftest import People
from tests.final_app.rig import HAS_MODES, Person, Server, assert_private, png

Room = Callable[..., int]

SMALL = 200_000  # bytes, the limit of the server here
PIXELS = 2_000_000
MEMORY_MOST = 32_000_000  # bytes that all the bad files together may cost
SCRIPT = b"<script>document.title = 'It ran'</script>"
SLOWEST = 0.3  # seconds
INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp"}
SETTINGS = {"CHAT_UPLOAD_SIZE": str(SMALL), "CHAT_UPLOAD_PIXELS": str(PIXELS)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("chat") / "data"
    chat = Server(folder, CHAT_LIMIT_UPLOADS="100000 per second", **SETTINGS).start()
    yield chat
    chat.stop()


def code(answer: dict[str, Any]) -> str:
    return "ok" if answer["ok"] else str(answer["error"]["code"])


def get(person: Person, upload: dict[str, Any], more: str = "") -> requests.Response:
    return person.get(f"/files/{upload['id']}{more}")


def on_disk(server: Server) -> set[str]:
    folder = server.folder / "uploads"
    return {path.name for path in folder.rglob("*") if path.is_file()}


# ---- where they are kept


@pytest.mark.skipif(not HAS_MODES, reason="Windows has no modes of this kind")
def test_other_users_of_the_machine_can_read_nothing(people: People, server: Server) -> None:
    """This covers files and folders, from the server and from the program for images."""
    for name, content in (("picture.png", png()), ("note.txt", b"Hello")):
        assert people["ada"].upload(1, name, content)["ok"]
    assert (server.folder / "chat.db-wal").exists()
    assert_private(server.folder, least=11)


# ---- what it is for


def test_a_message_carries_a_file_to_everybody_in_the_room(people: People, room: Room) -> None:
    ada, bo, cy = (people[name] for name in ("ada", "bo", "cy"))
    place = room("Sharing", "bo")
    content = "Größe\n".encode() * 100
    answer = ada.send(place, "notes.txt", content)
    upload = answer.json()["upload"]
    assert answer.status_code == 201
    assert upload == {
        "id": upload["id"], "filename": "notes.txt", "mime": "text/plain", "size": len(content),
    }  # fmt: skip
    bo.told(), cy.told()
    said = ada.say(place, "", uploads=[upload["id"]])
    assert said["message"]["uploads"] == [upload] and "text" not in said["message"]
    (told,) = bo.told("new_message")
    assert told == said["message"]
    assert cy.told("new_message") == []
    assert get(bo, upload).content == content
    assert bo.history(place)[-1]["uploads"] == [upload]


def test_an_image_becomes_a_new_one_upright_and_without_what_was_hidden(
    people: People, room: Room
) -> None:
    ada, place = people["ada"], room("Pictures")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    exif[0x010E] = "a secret place"
    sent = png(60, 30, "JPEG", exif=exif, comment=b"hidden words")
    upload = ada.upload(place, "photo.png", sent + b"PK\x03\x04 hidden behind it" + SCRIPT)[
        "upload"
    ]
    assert (upload["mime"], upload["width"], upload["height"]) == ("image/jpeg", 30, 60)
    kept = get(ada, upload)
    assert Image.open(io.BytesIO(kept.content)).size == (30, 60)
    for hidden in (b"secret", b"hidden", b"PK\x03\x04", SCRIPT, b"Exif"):
        assert hidden in sent + b"PK\x03\x04hidden" + SCRIPT and hidden not in kept.content
    assert kept.headers["Content-Type"] == "image/jpeg"
    assert kept.headers["Content-Disposition"].startswith("inline")


def test_an_image_has_a_small_version(people: People, room: Room) -> None:
    ada, place = people["ada"], room("Thumbnails")
    upload = ada.upload(place, "wide.png", png(1500, 1000))["upload"]
    small = get(ada, upload, "/thumb")
    assert small.headers["Content-Type"] == "image/webp"
    assert Image.open(io.BytesIO(small.content)).size == (640, 427)
    text = ada.upload(place, "a.txt", b"no image")["upload"]
    assert get(ada, text, "/thumb").status_code == 404


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_a_moving_image_goes_on_moving(people: People, room: Room, kind: str) -> None:
    frames = [Image.new("RGB", (20, 20), (shade, 0, 0)) for shade in (0, 90, 180)]
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=70)
    upload = people["ada"].upload(room(f"Moving {kind}"), "x", file.getvalue())["upload"]
    kept: Any = Image.open(io.BytesIO(get(people["ada"], upload).content))
    assert (kept.format, kept.n_frames) == (kind, 3)


def test_an_image_with_holes_keeps_them(people: People, room: Room) -> None:
    file = io.BytesIO()
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).convert("P").save(file, "PNG", transparency=0)
    upload = people["ada"].upload(room("Holes"), "x.png", file.getvalue())["upload"]
    kept = Image.open(io.BytesIO(get(people["ada"], upload).content))
    assert kept.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


# ---- who may


def test_until_it_is_sent_a_file_is_its_owners_alone(people: People, room: Room) -> None:
    ada, bo, place = people["ada"], people["bo"], room("Unsent", "bo")
    upload = ada.upload(place, "draft.txt", b"not yet")["upload"]
    assert (get(ada, upload).status_code, get(bo, upload).status_code) == (200, 404)
    assert code(bo.say(place, "Mine!", uploads=[upload["id"]])) == "invalid"
    assert code(bo.ask("DELETE", f"/api/uploads/{upload['id']}")) == "not_found"
    assert code(ada.say(place, "", uploads=[upload["id"]])) == "ok"
    assert get(bo, upload).status_code == 200
    assert code(ada.say(place, "Again", uploads=[upload["id"]])) == "invalid"
    assert code(ada.ask("DELETE", f"/api/uploads/{upload['id']}")) == "invalid"


def test_a_file_does_not_go_to_another_room_than_it_was_sent_to(people: People, room: Room) -> None:
    ada, here, there = people["ada"], room("Here"), room("There", "bo")
    upload = ada.upload(here, "a.txt", b"for here")["upload"]
    answer = ada.say(there, "Look", uploads=[upload["id"]])
    assert code(answer) == "invalid" and answer["error"]["field"] == "uploads"
    assert people["bo"].history(there) == []  # nothing was stored


def test_who_is_removed_can_no_longer_read_it(people: People, room: Room) -> None:
    ada, bo, place = people["ada"], people["bo"], room("Removed", "bo")
    upload = ada.upload(place, "a.png", png())["upload"]
    ada.say(place, "", uploads=[upload["id"]])
    assert get(bo, upload).status_code == get(bo, upload, "/thumb").status_code == 200
    ada.ask("DELETE", f"/rooms/{place}/members/{bo.id}")
    assert get(bo, upload).status_code == get(bo, upload, "/thumb").status_code == 404
    stranger = Person(ada.server, "x")
    assert "/login" in stranger.get(f"/files/{upload['id']}").url


def test_nothing_is_sent_into_a_room_that_is_archived_or_not_ones_own(
    people: People, room: Room
) -> None:
    ada, place, over = people["ada"], room("Closed to Bo"), room("Over", "bo")
    ada.ask("DELETE", f"/rooms/{over}")
    before = on_disk(ada.server)
    assert people["bo"].send(place, "a.txt", b"x").status_code == 404
    assert ada.send(over, "a.txt", b"x").status_code == 403
    for wrong in ("", "x", "-1", "9" * 30, "1; DROP TABLE uploads"):
        assert ada.send(wrong, "a.txt", b"x").status_code in (400, 404)
    assert on_disk(ada.server) == before


def test_a_deleted_message_takes_its_files_along(
    people: People, room: Room, server: Server
) -> None:
    ada, place = people["ada"], room("Deleted", "bo")
    upload = ada.upload(place, "a.png", png())["upload"]
    said = ada.say(place, "Look", uploads=[upload["id"]])["message"]
    assert {upload["id"], upload["id"] + ".thumb"} <= on_disk(server)
    gone = ada.emit("delete_message", {"id": said["id"]})["message"]
    assert not {"text", "uploads"} & gone.keys()
    assert get(ada, upload).status_code == get(people["bo"], upload).status_code == 404
    assert not {upload["id"], upload["id"] + ".thumb"} & on_disk(server)


def test_a_file_that_was_taken_back_is_gone(people: People, room: Room, server: Server) -> None:
    ada, place = people["ada"], room("Taken back")
    upload = ada.upload(place, "a.txt", b"x")["upload"]
    assert code(ada.ask("DELETE", f"/api/uploads/{upload['id']}")) == "ok"
    assert get(ada, upload).status_code == 404 and upload["id"] not in on_disk(server)
    assert code(ada.say(place, "Look", uploads=[upload["id"]])) == "invalid"


def test_a_message_carries_no_more_files_than_allowed_and_each_once(
    people: People, room: Room
) -> None:
    ada, place = people["ada"], room("Many")
    ids = [ada.upload(place, f"{n}.txt", b"x")["upload"]["id"] for n in range(11)]
    assert code(ada.say(place, "", uploads=ids)) == "invalid"
    said = ada.say(place, "", uploads=[*reversed(ids[:10]), ids[0]])
    assert code(said) == "invalid"  # eleven again
    said = ada.say(place, "", uploads=[*reversed(ids[:9]), ids[0]])["message"]
    assert [each["filename"] for each in said["uploads"]] == [f"{n}.txt" for n in range(8, -1, -1)]
    assert code(ada.say(place, "", uploads=[])) == "invalid"  # neither text nor file
    assert code(ada.say(place, "x", uploads="abc")) == "invalid"


def test_an_edit_may_leave_nothing_but_the_files(people: People, room: Room) -> None:
    ada, place = people["ada"], room("Edited")
    upload = ada.upload(place, "a.txt", b"x")["upload"]
    said = ada.say(place, "words", uploads=[upload["id"]])["message"]
    assert ada.emit("edit_message", {"id": said["id"], "text": ""})["message"]["uploads"] == [
        upload
    ]
    bare = ada.say(place, "words")["message"]
    assert code(ada.emit("edit_message", {"id": bare["id"], "text": ""})) == "invalid"


# ---- limits


def test_a_large_file_is_refused_before_it_is_kept(people: People, room: Room) -> None:
    ada, place = people["ada"], room("Large")
    before = on_disk(ada.server)
    assert ada.send(place, "a.bin", b"\x01" * SMALL).status_code == 201
    over = ada.send(place, "a.bin", b"\x01" * (SMALL + 1))
    assert over.status_code == 413 and over.json()["error"]["field"] == "file"
    assert ada.send(place, "a.bin", b"\x01" * 5 * SMALL).status_code == 413
    assert len(on_disk(ada.server) - before) == 1


def test_without_a_token_a_file_is_not_even_read(people: People) -> None:
    ada = people["ada"]
    answer = ada.http.post(
        f"{ada.server.url}/api/uploads", data={"room": 1}, files={"file": b"\x01" * 150_000}
    )
    assert answer.status_code in (400, 413)
    assert Person(ada.server, "x").http.post(
        f"{ada.server.url}/api/uploads", files={"file": b"x"}
    ).status_code in (400, 401)


def test_the_storage_has_an_end(tmp_path: Path) -> None:
    server = Server(tmp_path, CHAT_STORAGE_QUOTA="1000").start()
    ada = Person(server, "ada").begin()
    assert ada.send(1, "a.txt", b"x" * 999).status_code == 201
    assert ada.send(1, "b.txt", b"x" * 999).status_code == 201  # there was still room for one
    full = ada.send(1, "c.txt", b"x")
    assert full.status_code == 507 and full.json()["error"]["code"] == "full"
    server.stop()


def test_kinds_that_are_not_wanted_are_refused_by_content(tmp_path: Path) -> None:
    server = Server(tmp_path, CHAT_UPLOAD_TYPES="image/ text/plain").start()
    ada = Person(server, "ada").begin()
    assert ada.send(1, "a.exe", b"plain text").status_code == 201
    assert ada.send(1, "a.pdf", png()).status_code == 201
    refused = ada.send(1, "a.png", b"%PDF-1.7")
    assert refused.status_code == 415
    assert "application/pdf" in refused.json()["error"]["message"]
    server.stop()


def test_too_many_files_are_too_many(tmp_path: Path) -> None:
    server = Server(tmp_path, CHAT_LIMIT_UPLOADS="2 per minute").start()
    ada = Person(server, "ada").begin()
    statuses = [ada.send(1, "a.txt", b"x").status_code for _ in range(3)]
    assert statuses == [201, 201, 429]
    server.stop()


# ---- what somebody might send to do harm


def png_of(width: int, height: int, *chunks: tuple[bytes, bytes], data: bytes = b"") -> bytes:
    """Return a PNG with any size in its header, and with any chunks."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = [
        (b"IHDR", head),
        *chunks,
        (b"IDAT", data or zlib.compress(b"\x00\x00")),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def bomb() -> bytes:
    """Return an image of 10,000 × 10,000 pixels in 12 kB."""
    return png_of(10_000, 10_000, data=zlib.compress(b"\x00" * 12_510_000, 9))


def slideshow() -> bytes:
    file = io.BytesIO()
    first, *rest = [Image.new("L", (400, 400), number * 8) for number in range(30)]
    first.save(file, "GIF", save_all=True, append_images=rest)
    return file.getvalue()


def two_in_one() -> bytes:
    """Return a photo as many phones make it: a JPEG that also contains a map of its brightness."""
    file = io.BytesIO()
    photo, brightness = Image.new("RGB", (60, 40), "navy"), Image.new("RGB", (30, 20))
    photo.save(file, "MPO", save_all=True, append_images=[brightness])
    return file.getvalue()


def flicker() -> bytes:
    """Return 2,000 frames of one pixel."""
    file = io.BytesIO()
    first, *rest = [Image.new("L", (1, 1), number % 256) for number in range(2000)]
    first.save(file, "GIF", save_all=True, append_images=rest)
    return file.getvalue()


def broken_off() -> bytes:
    """Return a GIF that ends in the head of its second frame, which surprises Pillow."""
    file = io.BytesIO()
    first, second = (Image.new("L", (20, 20), grey) for grey in (0, 255))
    first.save(file, "GIF", save_all=True, append_images=[second])
    return file.getvalue()[: file.getvalue().rindex(b"\x21\xf9\x04") + 10]


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.txt", b"0" * 5_000_000)
    return file.getvalue()


HARMFUL: dict[str, tuple[str, bytes, int]] = {
    "a path up": ("../../evil.txt", b"x", 201),
    "a path up, of Windows": ("..\\..\\evil.txt", b"x", 201),
    "an absolute path": ("/etc/passwd", b"x", 201),
    "a device": ("CON", b"x", 201),
    "a device with an ending": ("nul.txt", b"x", 201),
    "a file of the web server": (".htaccess", b"x", 201),
    "an end of line": ("a\r\nSet-Cookie: evil=1.txt", b"x", 201),
    "a name from the right": ("\u202egnp.exe", b"x", 201),
    "a name of 5,000 letters": ("x" * 5000 + ".txt", b"x", 201),
    "a quote in the name": ("a\"; filename=\"evil.html", b"x", 201),
    "no letter in the name": ("...", b"x", 201),
    "SVG": ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'>" + SCRIPT + b"</svg>", 201),
    "SVG that says it is a PNG": ("a.png", b"<svg onload='alert(1)'/>", 201),
    "HTML": ("a.html", b"<!doctype html>" + SCRIPT, 201),
    "HTML in UTF-16": ("a.html", "<script>alert(1)</script>".encode("utf-16"), 201),
    "XML": ("a.xhtml", b"<?xml version='1.0'?><html>" + SCRIPT + b"</html>", 201),
    "a script": ("a.js", b"alert(1)", 201),
    "PDF and HTML": ("a.html", b"%PDF-1.7\n" + SCRIPT, 201),
    "ZIP that unpacks upwards": ("a.zip", zipped(), 201),
    "GIF and script": ("a.gif", b"GIF89a/*" + SCRIPT + b"*/=1;", 415),
    "JPEG and HTML": ("a.jpg", png(kind="JPEG") + SCRIPT, 201),
    "PNG with words": ("a.png", png_of(1, 1, (b"tEXt", b"Comment\x00" + SCRIPT)), 201),
    "PNG with a bomb of words": (
        "a.png", png_of(1, 1, (b"zTXt", b"x\x00\x00" + zlib.compress(b"0" * 90_000_000, 9))), 415,
    ),
    "10,000 × 10,000": ("a.png", bomb(), 413),
    "2,000,000,000 × 1": ("a.png", png_of(2_000_000_000, 1), 413),
    "a size that lies": ("a.png", png_of(1000, 1000), 415),
    "no size": ("a.png", png_of(0, 0), 415),
    "a GIF of many frames": ("a.gif", slideshow(), 413),
    "a GIF of very many small frames": ("a.gif", flicker(), 413),
    "two pictures in a JPEG": ("a.jpg", two_in_one(), 201),
    "a GIF that ends inside a frame": ("a.gif", broken_off(), 415),
    "half a PNG": ("a.png", png(900, 900)[:1500], 415),
    "half a JPEG": ("a.jpg", png(900, 900, "JPEG")[:1500], 415),
    "only a signature": ("a.png", b"\x89PNG\r\n\x1a\n", 415),
    "nothing": ("a.txt", b"", 415),
    "too much": ("a.bin", b"\x00" * (SMALL + 1), 413),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMFUL)
def test_what_should_do_harm_does_none(
    people: People, room: Room, server: Server, name: str
) -> None:
    filename, content, expected = HARMFUL[name]
    ada = people["ada"]
    place = ada.ask("POST", "/rooms", {"name": name, "kind": "closed"})["room"]["id"]
    outside, before = _outside(server), on_disk(server)
    answer = ada.send(place, filename, content)
    assert answer.status_code == expected, answer.text
    assert _outside(server) == outside
    if expected != 201:
        assert answer.json()["error"]["field"] == "file"
        assert on_disk(server) == before
        return
    upload = answer.json()["upload"]
    kept = get(ada, upload)
    assert set(upload["filename"]).isdisjoint('/\\\r\n"\u202e\x00') and upload["filename"]
    assert len(upload["filename"]) <= files.NAME_LENGTH + 1
    assert kept.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in kept.headers["Content-Security-Policy"]
    assert "evil" not in kept.cookies and kept.headers["Cache-Control"].startswith("private")
    if kept.headers["Content-Disposition"].startswith("inline"):
        assert kept.headers["Content-Type"] in INLINE
        assert Image.open(io.BytesIO(kept.content)).size == (upload["width"], upload["height"])
        assert SCRIPT not in kept.content
    else:
        assert kept.headers["Content-Type"].split(";")[0] not in ("text/html", "image/svg+xml")
        assert kept.content == content


@pytest.mark.parametrize(
    ("brand", "mime"),
    [("heic", "image/heic"), ("mif1", "image/heic"), ("avif", "image/avif"), ("M4A ", "audio/mp4"),
     ("qt  ", "video/quicktime"), ("isom", "video/mp4")],
)  # fmt: skip
def test_files_of_phones_are_called_what_they_are(tmp_path: Path, brand: str, mime: str) -> None:
    """They all begin like MP4. `CHAT_UPLOAD_TYPES=image/` allows the images among them."""
    file = tmp_path / "file"
    file.write_bytes(b"\x00\x00\x00\x18ftyp" + brand.encode() + bytes(16))
    assert files.sniffed(file) == mime


def test_nothing_of_it_is_shown_inline_but_images_made_anew() -> None:
    """A guard for the table above: it contains several accepted and several refused files."""
    statuses = [status for *_, status in HARMFUL.values()]
    assert {status: statuses.count(status) >= 4 for status in (201, 413, 415)} == dict.fromkeys(
        (201, 413, 415), True
    )


def test_all_of_it_together_costs_little_memory(tmp_path: Path) -> None:
    """This needs a separate server, because another one may have reached its peak before."""
    server = Server(tmp_path, **SETTINGS).start()
    ada = Person(server, "ada").begin()
    ada.send(1, "a.txt", b"x")
    assert server.process
    before = _peak(server.process.pid, forget=True)  # hashing a password took 64 MiB
    for filename, content, _ in HARMFUL.values():
        ada.send(1, filename, content)
    grown = _peak(server.process.pid) - before
    server.stop()
    print(f"{len(HARMFUL)} bad files: {grown / 1e6:.1f} MB more at the peak")
    assert 0 < grown <= MEMORY_MOST


@pytest.mark.parametrize(
    ("given", "shown"),
    [("report.pdf", "report.pdf"), ("a/b\\c.txt", "c.txt"), ("Ä ö.png", "Ä ö.png"), ("", "file"),
     ("  .  ", "file"), ("COM1.txt", "_COM1.txt"), ("console.txt", "console.txt"),
     ("a<b>|c?.txt", "a_b__c_.txt"), ("tab\tnew\nline.txt", "tabnewline.txt")],
)  # fmt: skip
def test_a_label_is_never_a_path_a_device_or_a_trick(given: str, shown: str) -> None:
    assert files.label(given) == shown


def test_a_long_name_keeps_its_ending() -> None:
    assert files.label("x" * 300 + ".tar.gz") == "x" * 88 + ".gz"
    assert files.label("abc" * 50) == ("abc" * 50)[: files.NAME_LENGTH]


def test_a_name_of_accents_takes_no_time() -> None:
    """To normalize a text whose accents are in the wrong order takes quadratic time."""
    start = time.process_time()
    label = files.label("a" + "\u0301" * 40_000 + "\u0316" * 40_000 + ".png")
    assert label.endswith(".png") and time.process_time() - start < SLOWEST


def _outside(server: Server) -> set[str]:
    """Return every file near the data folder, and every file in it that is not an upload."""
    around = server.folder.parent
    return {
        path.relative_to(around).as_posix()
        for path in around.rglob("*")
        if "uploads" not in path.parts and not path.name.startswith("chat.db")
    }


def _peak(pid: int, *, forget: bool = False) -> int:
    """Return the most memory that a process has used since its peak was reset, in bytes."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("needs /proc, which only Linux has")
    if forget:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5): resets VmHWM
    (line,) = [each for each in status.read_text().splitlines() if each.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(os.name == "nt", reason="signals of Linux and macOS")
def test_a_program_that_hangs_or_is_killed_spoils_one_image_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = files.Files(config.read({"CHAT_DATA_DIR": str(tmp_path)}))

    def keep() -> files.Kept:
        source = kept.incoming() / "source"
        source.write_bytes(png())
        return kept.keep(source)

    keep()
    first = files._images._program
    assert first
    first.send_signal(signal.SIGSTOP)
    with monkeypatch.context() as impatient, pytest.raises(TooLarge):
        impatient.setattr(files, "PATIENCE", 0.5)
        keep()
    assert keep().width == 40
    second = files._images._program
    assert second and second is not first and second.poll() is None
    second.kill()
    second.wait()
    assert keep().width == 40


@pytest.mark.skipif(os.name == "nt", reason="on Windows the program does the work itself")
@pytest.mark.parametrize("killed", [False, True])
def test_the_process_of_an_image_ends_in_time_also_when_nobody_is_left_to_end_it(
    tmp_path: Path, killed: bool
) -> None:
    stalled, good = tmp_path / "stalled", tmp_path / "good.png"
    os.mkfifo(stalled)  # like a disk that does not answer: who reads it takes no processor
    good.write_bytes(png())
    command = "from final_app.storage import images; images.SECONDS = 1; images.main()"
    program = subprocess.Popen(
        [sys.executable, "-c", command], cwd=files.CODE, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert program.stdin and program.stdout
    for source in (stalled, good):
        job = [str(source), str(tmp_path / "new"), str(tmp_path / "small"), PIXELS]
        print(json.dumps(job), file=program.stdin, flush=True)
    with stalled.open("wb"):  # once it is read
        (child,) = psutil.Process(program.pid).children()
        if killed:
            program.kill()
        gone, _ = psutil.wait_procs([child], timeout=20)
        if not gone:
            child.kill()
    answers = program.communicate()[0].splitlines()
    assert gone
    assert killed or [answers[0], json.loads(answers[1])["width"]] == ["", 40]


@pytest.mark.skipif(os.name == "nt", reason="signals of Linux and macOS")
def test_no_program_outlives_a_server_that_was_killed(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    ada = Person(server, "ada").begin()
    ada.upload(1, "a.png", png())
    assert server.process
    (program,) = psutil.Process(server.process.pid).children()
    server.stop(signal.SIGKILL)
    assert program.wait(10) is not None or not program.is_running()
