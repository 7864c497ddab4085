"""A full disk: people see an error, reading still works, nothing is lost, and no restart is needed."""

import io
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from final_app.config import Settings
from final_app.errors import Invalid
from final_app.storage.files import Files
from final_app.storage.readiness import EVERY
from tests.faults.small_disk import SENTENCE, fill, small_disk, until_refused
from tests.final_app.rig import Person, Server

FILE = 300_000  # bytes


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.fixture
def server(disk: Path) -> Iterator[Server]:
    chat = Server(disk / "chat").start()
    yield chat
    chat.stop()


def test_a_full_disk_is_told_while_reads_go_on_and_ends_without_a_restart(
    disk: Path, server: Server
) -> None:
    ada = Person(server, "ada").begin()
    bo = Person(server, "bo").register(ada.invite())
    for person in (ada, bo):
        person.connect()
    said = [ada.say(1, "before")["message"]]
    assert readiness(ada) == ""
    age_sessions(server)
    filler = fill(disk)
    said += until_refused(ada)

    assert readiness(ada) == SENTENCE
    for _ in range(20):
        assert ada.say(1, "full")["error"] == {"code": "disk_full", "message": SENTENCE}
    sent = ada.send(1, "noise.bin", b"\x00" * FILE)
    assert (sent.status_code, sent.json()["error"]["code"]) == (507, "disk_full")
    made = ada.call("POST", "/rooms", {"name": "Tea", "kind": "open"})
    assert (made.status_code, made.json()["error"]["code"]) == (507, "disk_full")
    page = ada.form("/account/name", page="/account", name="Ada L.")
    assert page.status_code == 507 and SENTENCE.replace("'", "&#39;") in page.text

    assert bo.history(1) == said  # what only reads goes on
    assert bo.get("/r/general").ok and bo.get("/healthz").ok
    tab = bo.tab()  # whoever comes now gets in, and hears what is going on
    assert tab.emit("sync", {"rooms": {}})["ok"]
    tab.leave()
    assert bo.emit("typing", {"room": 1, "on": True})["ok"]
    assert bo.emit("sync", {"rooms": {"1": said[-1]["rev"]}})["ok"]
    assert not list((server.folder / "uploads" / "incoming").iterdir())
    backup = server.run("backup", str(disk / "backup"))
    assert backup.returncode == 1 and f"the disk of {disk} or that" in backup.stderr
    assert not list(disk.glob("backup*"))

    filler.unlink()
    assert readiness(ada) == ""
    assert ada.say(1, "after")["message"]["seq"] == said[-1]["seq"] + 1
    assert ada.send(1, "noise.bin", b"\x00" * FILE).status_code == 201
    for person in (ada, bo):
        person.leave()
    server.stop()
    log = "\n".join(server.log)
    assert "Traceback" not in log
    assert log.count("The disk is full") == 1, "more lines than one a minute"


def test_a_picture_that_fits_only_once_is_refused_and_leaves_nothing(
    disk: Path, server: Server
) -> None:
    """The upload fits, but there is no space for its clean copy."""
    ada = Person(server, "ada").begin()
    filler = fill(disk)
    os.truncate(filler, filler.stat().st_size - len(NOISE) * 3 // 2)
    refused = ada.send(1, "picture.png", NOISE)
    assert (refused.status_code, refused.json()["error"]["message"]) == (507, SENTENCE)
    assert not [path for path in (server.folder / "uploads").rglob("*") if path.is_file()]
    filler.unlink()
    assert ada.send(1, "picture.png", NOISE).status_code == 201


def noise(side: int) -> bytes:
    """Return a PNG image that cannot be compressed."""
    file = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(file, "PNG")
    return file.getvalue()


NOISE = noise(400)


def test_an_upload_that_breaks_off_leaves_nothing_and_keeps_its_error(disk: Path) -> None:
    files = Files(Settings(data_dir=disk))
    with pytest.raises(Invalid), files.arrivals() as open_one:
        open_one().write(b"small enough to wait in a buffer until the file is closed")
        fill(disk)
        raise Invalid("Expected a file.")
    assert not list(files.incoming().iterdir())


def readiness(person: Person) -> str:
    """Return why the chat is not ready, in a second in which nobody else has asked."""
    time.sleep(EVERY)
    answer = person.get("/readyz")
    assert answer.status_code == (200 if answer.json()["ok"] else 503)
    return str(answer.json().get("error", {}).get("message", ""))


def age_sessions(server: Server) -> None:
    """Make every session look unused for a long time, so that the next request would store its use."""
    with closing(sqlite3.connect(server.folder / "chat.db")) as connection:
        connection.execute("UPDATE sessions SET seen_at = datetime('now', '-1 hour')")
        connection.commit()
