"""The chat finds a damaged database when it starts, and reports it in one sentence with the backup."""

import errno
import os
import re
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from final_app.errors import CannotStart
from final_app.storage import damage
from tests.final_app.rig import Person, Server, ended

MESSAGES = 300
TEXT = "word " * 200
NOTES = b"bring cake"
NEWER = 30  # messages after the backup; so few that they are only in the write-ahead log
NOISE = os.urandom(20_000)


def overwrite_the_header(database: Path) -> None:
    with database.open("r+b") as file:
        file.write(NOISE[:100])


def overwrite_messages(database: Path) -> None:
    places = [found.start() for found in re.finditer(TEXT.strip().encode(), database.read_bytes())]
    with database.open("r+b") as file:
        file.seek(places[len(places) // 2])
        file.write(NOISE)


def remove_a_table(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE reactions")


def forget_the_version(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE alembic_version")


def empty_it(database: Path) -> None:
    database.write_bytes(b"")


def lose_it(database: Path) -> None:
    database.unlink()


DAMAGES = {
    empty_it: "it is missing or empty",
    lose_it: "it is missing or empty",
    overwrite_the_header: "file is not a database",
    overwrite_messages: "is damaged (",
    remove_a_table: "missing tables: reactions",
    forget_the_version: "already exists). The database was not changed.",
}
ALWAYS = (overwrite_the_header, empty_it)  # one that SQLite notices, and one that only we do


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A stopped server with some messages, a file in the first one, and two backups."""
    folder = tmp_path_factory.mktemp("original")
    server = Server(folder / "chat").start()
    ada = Person(server, "ada").begin()
    ada.connect()
    file = ada.upload(1, "notes.txt", NOTES)["upload"]["id"]
    for place in range(MESSAGES):
        assert ada.say(1, TEXT, uploads=[] if place else [file])["ok"]
    ada.leave()
    server.stop()
    for name in ("first", "second"):
        assert server.run("backup", str(folder / name)).returncode == 0
    return server


@pytest.fixture
def stopped(original: Server, tmp_path: Path) -> Server:
    """A copy of the original."""
    return Server(Path(shutil.copytree(original.folder, tmp_path / "chat")))


def start(server: Server) -> subprocess.CompletedProcess[str]:
    """Start the chat in the foreground. It must stop by itself."""
    return ended(os.environ | server.settings | {"CHAT_DATA_DIR": str(server.folder)})


@pytest.mark.parametrize(
    "harm",
    [pytest.param(harm, marks=[] if harm in ALWAYS else [pytest.mark.long]) for harm in DAMAGES],
    ids=lambda harm: harm.__name__,
)
def test_damage_is_found_at_the_start_and_the_newest_backup_is_named(
    original: Server, stopped: Server, harm: Callable[[Path], None]
) -> None:
    harm(stopped.folder / "chat.db")
    ended = start(stopped)
    assert (ended.returncode, ended.stdout) == (2, "")
    (told,) = ended.stderr.splitlines()
    assert DAMAGES[harm] in told and str(original.folder.with_name("second")) in told
    development = stopped.run("run", "--port", "0")
    assert development.returncode == 2 and DAMAGES[harm] in development.stderr
    assert "Traceback" not in development.stderr

    command = told.split("run: ")[1]
    subprocess.run(command, shell=True, check=True)
    ada = Person(stopped.start(), "ada")
    ada.log_in()
    assert len(ada.history(1)) == MESSAGES
    stopped.stop()


@pytest.mark.parametrize("words", [("users", "list"), ("db", "current"), ("backup", "copy")])
@pytest.mark.parametrize("harm", [overwrite_the_header, empty_it], ids=lambda harm: harm.__name__)
def test_a_command_tells_of_the_damage_too(
    stopped: Server, harm: Callable[[Path], None], words: tuple[str, ...]
) -> None:
    harm(stopped.folder / "chat.db")
    ended = stopped.run(*words)
    assert ended.returncode == 2 and DAMAGES[harm] in ended.stderr
    assert ended.stderr.count("\n") == 1, ended.stderr


def test_a_database_that_cannot_be_written_is_found_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite would open it to read, and the chat would then fail whenever it writes."""
    database = tmp_path / "chat.db"
    database.touch()
    damage.check(database)
    for place in (database, tmp_path):
        monkeypatch.setattr(os, "access", lambda path, _, place=place: path != place)
        with pytest.raises(CannotStart, match=r"chat\.db\. Expected a file .* Check their owners"):
            damage.check(database)


@pytest.mark.parametrize("database", ["chat.db", "data/chat.db"])
def test_a_command_of_another_user_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    """In a folder that they cannot open, the system does not tell whether there is a database."""

    def closed(path: Path, **_: bool) -> None:
        if path.parent == tmp_path:
            raise PermissionError

    monkeypatch.setattr(Path, "stat", closed)
    monkeypatch.setattr(os, "access", lambda path, _: path.parent != tmp_path and path != tmp_path)
    with pytest.raises(CannotStart, match="and who runs this command"):
        damage.check(tmp_path / database, whole=False)


def test_a_disk_that_is_full_at_the_start_is_suspected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite calls it only “disk I/O error” if there is no space for the index of the log."""

    def no_space(_: Path, *, whole: bool) -> str:
        problem = sqlite3.OperationalError("disk I/O error")
        problem.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
        raise problem

    (tmp_path / "chat.db").touch()
    monkeypatch.setattr(damage, "_check", no_space)
    with pytest.raises(CannotStart, match=r"disk I/O error\. Its disk is full or broken\."):
        damage.check(tmp_path / "chat.db")


def test_a_backup_that_only_another_user_can_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage.remember_backup(tmp_path / "chat.db", backup := tmp_path / "of root" / "backup")

    def forbidden(path: Path, **_: object) -> os.stat_result:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", forbidden)
    assert damage.newest_backup(tmp_path / "chat.db") == backup


def test_a_deleted_backup_is_not_named(original: Server, stopped: Server) -> None:
    overwrite_the_header(stopped.folder / "chat.db")
    remembered = stopped.folder / "chat.db.backups"
    first, second = remembered.read_text(encoding="utf-8").splitlines()
    remembered.write_text(f"{first}\n{second}-gone\n", encoding="utf-8")
    assert f"newest backup is {first}." in start(stopped).stderr
    remembered.write_text(f"{first}-gone\n", encoding="utf-8")
    assert "docs/running.md" in start(stopped).stderr


def test_damage_that_shows_later_is_told_once_and_without_tracebacks(stopped: Server) -> None:
    ada = Person(stopped.start(), "ada")
    ada.log_in()
    ada.connect()
    before = len(stopped.log)
    overwrite_messages(stopped.folder / "chat.db")
    answers = [ada.get(f"/api/rooms/1/messages?before={seq}") for seq in range(1, MESSAGES, 5)]
    refused = [answer for answer in answers if not answer.ok]
    assert len(refused) > 5, "nobody read a damaged page"
    assert {answer.json()["error"]["code"] for answer in refused} == {"damaged"}
    assert ada.get("/healthz").ok
    ada.leave()
    stopped.stop()
    log = "\n".join(stopped.log[before:])
    assert log.count("is damaged (") == 1 and "second" in log and "Traceback" not in log


@pytest.mark.parametrize("name", ["chat.db", "team.db"])
def test_a_database_outside_the_data_folder_is_restored_and_its_neighbours_stay(
    stopped: Server, tmp_path: Path, name: str
) -> None:
    """The old write-ahead log must not be applied to the restored database."""
    outside = tmp_path / "it's outside"
    outside.mkdir()
    database = outside / name
    (outside / "neighbour").write_text("here", encoding="utf-8")
    for suffix in ("", ".backups"):
        (stopped.folder / f"chat.db{suffix}").rename(outside / f"{name}{suffix}")
    server = Server(stopped.folder, CHAT_DATABASE_URL=f"sqlite:///{database}").start()
    ada = Person(server, "ada")
    ada.log_in()
    ada.connect()
    for _ in range(NEWER):
        assert ada.say(1, TEXT)["ok"]
    overwrite_messages(database)
    for seq in range(1, MESSAGES, 5):
        ada.get(f"/api/rooms/1/messages?before={seq}")
    ada.leave()
    server.stop(signal.SIGKILL)
    (command,) = re.findall(r"is damaged .* run: (.*)", "\n".join(server.log))
    assert database.with_name(f"{name}-wal").stat().st_size > NEWER * len(TEXT)
    shutil.rmtree(stopped.folder / "uploads")

    subprocess.run(command, shell=True, check=True)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    server.start()
    ada.log_in()
    restored = ada.history(1)
    assert len(restored) == MESSAGES
    assert ada.get(f"/files/{restored[0]['uploads'][0]['id']}").content == NOTES
    assert (outside / "neighbour").read_text(encoding="utf-8") == "here"
    server.stop()


def test_a_second_restore_keeps_what_the_first_one_put_aside(stopped: Server) -> None:
    for _ in range(2):
        overwrite_the_header(stopped.folder / "chat.db")
        subprocess.run(start(stopped).stderr.split("run: ")[1], shell=True, check=True)
    aside = [path for path in stopped.folder.iterdir() if "damaged" in path.name]
    assert len(aside) == 2
    assert all((path / "chat.db").read_bytes().startswith(NOISE[:100]) for path in aside)
