"""A backup that is made under load contains everything that was acknowledged before, in order."""

import hashlib
import os
import sqlite3
import subprocess
import threading
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.faults.load import Crowd, Line, Sender, crowd, finish
from tests.faults.mutants import Change, mutant
from tests.final_app.rig import ANSWER_TIMEOUT, HAS_MODES, Person, Server, assert_private
from tests.waiting import wait_until

SEED = 20261122
RATE = 60  # messages a second, all senders together
AT_LEAST = 40, 3  # messages and files that were acknowledged before the backup begins
PATIENCE = 40.0  # seconds after which the load ends if the backup does not; it takes about one
ENOUGH = 6.0  # seconds of that for a double that would go on for ever
FILE_BYTES = 30_000

DATABASE = '        _copy_database(database, draft / "chat.db", tell)\n'
SNAPSHOT = (
    '        original.execute("BEGIN")\n'
    '        original.execute("SELECT count(*) FROM sqlite_master").fetchone()\n'
)
COPY = "        original.backup(copy, pages=STEP_PAGES, progress=progress)\n"
SMALL_STEPS: Change = (
    "storage/backup.py",
    COPY,
    "        import time\n"
    "        original.backup(copy, pages=5, progress=lambda *_: time.sleep(0.01))\n",
)
NO_SNAPSHOT: Change = ("storage/backup.py", SNAPSHOT, "")
FILE_COPIED: Change = ("storage/backup.py", COPY, "        shutil.copyfile(source, target)\n")
FILES_FIRST: tuple[Change, ...] = (
    (
        "storage/backup.py",
        DATABASE,
        '        on_its_way = shutil.ignore_patterns("incoming")\n'
        '        shutil.copytree(Files(settings).folder, draft / "uploads", ignore=on_its_way)\n'
        "        import time\n        time.sleep(3)\n" + DATABASE,
    ),
    (
        "storage/backup.py",
        "            shutil.copyfile(here.path(upload_id, thumbnail=thumbnail), target)\n",
        "            assert here\n",
    ),
)


class Uploader(threading.Thread):
    """Sends files one after another, each in a separate message."""

    def __init__(self, person: Person) -> None:
        super().__init__(daemon=True)
        self.person = person
        self.sent: dict[str, str] = {}  # digest of each file whose message was acknowledged, by id
        self.ending = threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            line = Line(self.person)
            while not self.ending.is_set():
                content = b"\x00" + os.urandom(FILE_BYTES)
                upload_id = str(self.person.upload(1, "noise.bin", content)["upload"]["id"])
                message = {"room": 1, "client_id": str(uuid.uuid4()), "text": "a file"}
                assert line.ask("new_message", message | {"uploads": [upload_id]})["ok"]
                self.sent[upload_id] = digest(content)
            line.close()
        except BaseException as failure:
            self.failure = failure


@dataclass
class Scene:
    """A chat in use, and a backup that was made in the meantime."""

    server: Server
    folks: Crowd
    path: Path
    before: list[dict[str, Any]]  # messages that were acknowledged before the backup began
    files: dict[str, str]
    said: subprocess.CompletedProcess[str] | None = None
    in_time: bool = False  # it ended before the load did
    after: int = 0  # messages that were acknowledged while it was made
    broken: dict[str, object] = field(default_factory=dict)


def backed_up(tmp_path: Path, *changes: Change, load: float = PATIENCE) -> Scene:
    """Back up a chat while people send messages, and compare the copy with their acknowledgements."""
    code = {"code": mutant(tmp_path, *changes)} if changes else {}
    server = Server(tmp_path / "data", **code).start()
    folks = crowd(server, 3)
    # Somebody else reads at leisure: so what is said from now on is in the WAL alone.
    reader = sqlite3.connect(tmp_path / "data" / "chat.db")
    reader.execute("PRAGMA wal_checkpoint")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM messages").fetchone()
    senders, uploader = folks.senders(RATE, SEED), Uploader(folks.people[0])
    uploader.start()
    wait_until(
        lambda: len(acknowledged(senders)) >= AT_LEAST[0] and len(uploader.sent) >= AT_LEAST[1]
    )
    scene = Scene(server, folks, tmp_path / "copy", acknowledged(senders), dict(uploader.sent))
    backup = threading.Thread(target=lambda: make(scene))
    backup.start()
    backup.join(load)
    scene.in_time = not backup.is_alive()
    scene.after = len(acknowledged(senders)) - len(scene.before)
    uploader.ending.set()
    finish(senders, 20)
    uploader.join(ANSWER_TIMEOUT)
    backup.join()
    reader.close()
    server.stop()
    assert uploader.failure is None, uploader.failure
    scene.broken = broken(scene)
    print(f"\n{scene.said and scene.said.stdout}{len(scene.before)} messages, {len(scene.files)}"
          f" files before, {scene.after} messages meanwhile; broken: {scene.broken}")  # fmt: skip
    return scene


def make(scene: Scene) -> None:
    scene.said = scene.server.run("backup", str(scene.path))


def broken(scene: Scene) -> dict[str, object]:
    """Return which promises the copy breaks."""
    assert scene.said
    if scene.said.returncode:
        return {"failed": scene.said.stderr}
    with closing(sqlite3.connect(scene.path / "chat.db")) as copy:
        places = set(copy.execute("SELECT room_id, seq, client_id, text FROM messages"))
        gaps = copy.execute(
            "SELECT slug FROM rooms WHERE last_seq <> (SELECT count(*) FROM messages WHERE "
            "room_id = rooms.id) OR last_seq <> coalesce((SELECT max(seq) FROM messages WHERE "
            "room_id = rooms.id), 0)"
        ).fetchall()
        named = [row[0] for row in copy.execute("SELECT id FROM uploads")]
        sound = copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        sound = sound and not copy.execute("PRAGMA foreign_key_check").fetchall()
    found = {
        "lost": sum((m["room"], m["seq"], m["client_id"], m["text"]) not in places
                    for m in scene.before) + len(set(scene.files) - set(named)),
        "gaps": gaps,
        "files": sum(not same(scene, upload_id) for upload_id in named),
        "damaged": not sound,
        "unbounded": not scene.in_time,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


def same(scene: Scene, upload_id: str) -> bool:
    """Return whether a file of the copy is identical to the chat's file."""
    file = Path("uploads") / upload_id[:2] / upload_id
    there = scene.path / file
    return there.exists() and there.read_bytes() == (scene.server.folder / file).read_bytes()


def acknowledged(senders: list[Sender]) -> list[dict[str, Any]]:
    return [sent.acknowledged for s in senders for sent in [*s.journal] if sent.acknowledged]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_backup_under_load_is_a_chat_that_can_be_started(tmp_path: Path) -> None:
    scene = backed_up(tmp_path)
    assert scene.broken == {} and scene.after > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "data"]
    held = {path.relative_to(scene.path).parts[0] for path in scene.path.rglob("*")}
    assert held == {"chat.db", "secret", "uploads"}
    if HAS_MODES:
        for folder in (scene.server.folder, scene.path):
            assert_private(folder, least=5)  # the database, the secret, and files
    copy = Server(scene.path).start()
    for person in scene.folks.people:
        person.server = copy
    ada = scene.folks.people[0]
    assert ada.get("/account").status_code == 200  # with the cookie from before
    assert "/r/" in Person(copy, "bo").log_in().url
    said = {m["client_id"]: m for room in scene.folks.rooms[0] for m in ada.history(room)}
    mine = [m for m in scene.before if m["room"] in scene.folks.rooms[0]]
    keys = ("room", "seq", "text", "author", "created_at")
    assert [[m[key] for key in keys] for m in mine] == [
        [said[m["client_id"]][key] for key in keys] for m in mine
    ]
    for upload_id, expected in scene.files.items():
        assert digest(ada.get(f"/files/{upload_id}").content) == expected
    ada.connect()
    assert ada.say(1, "It goes on")["message"]["seq"] == len(ada.history(1))
    ada.leave()
    copy.stop()


def test_a_database_with_a_relative_address_is_in_the_data_folder_and_is_backed_up(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path / "data", CHAT_DATABASE_URL="sqlite:///team.db").start()
    Person(server, "ada").begin()
    server.stop()
    assert (tmp_path / "data" / "team.db").is_file()
    told = server.run("backup", str(tmp_path / "copy"))
    assert told.returncode == 0 and "1 people" in told.stdout, told
    copy = Person(Server(tmp_path / "copy").start(), "ada")
    assert "/r/general" in copy.log_in().url
    copy.server.stop()


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        # It is the transaction that keeps the steps together.
        pytest.param([SMALL_STEPS], None, marks=pytest.mark.long),
        pytest.param([SMALL_STEPS, NO_SNAPSHOT], "unbounded", marks=pytest.mark.long),
        pytest.param([FILE_COPIED], "lost", marks=pytest.mark.long),
        pytest.param(FILES_FIRST, "files", marks=pytest.mark.long),
    ],
    ids=["small steps", "steps without a transaction", "the file copied", "files first"],
)
def test_the_load_finds_what_is_wrong_with_a_mutant(
    tmp_path: Path, changes: list[Change], seen: str | None
) -> None:
    load = ENOUGH if seen == "unbounded" else PATIENCE
    scene = backed_up(tmp_path, *changes, load=load)
    assert seen in scene.broken if seen else scene.broken == {}
