"""With PostgreSQL, pg_dump and a copy of the data folder are a backup: as docs/running.md says."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.final_app import databases
from tests.final_app.rig import Person, Server, png
from tests.needs import needs_postgres
from workshop import paths
from workshop.cluster import Cluster, find_postgres

RUNNING = paths.ROOT / "docs" / "running.md"
BACKUP = re.compile(r"(?m)^    (?:sudo -u chat )?(pg_dump .*)$")
RESTORE = re.compile(r"(?m)^    (?:sudo -u chat )?(pg_restore .*)$")
CREATE = re.compile(r"(?m)^    (?:sudo -u postgres )?(createdb .*)$")
# A command in the container of the database or of a chat process.
CONTAINED = re.compile(r"(?m)^    docker compose (?:exec|run --rm --no-deps) (?:-T )?\w+ (.*)$")


@pytest.fixture
def cluster() -> Cluster:
    needs_postgres()
    return databases.cluster()


def run(cluster: Cluster, words: str, **instead: str) -> None:
    """Run a command of docs/running.md on the tests' server; each word in `instead` is in it."""
    for there, name in instead.items():
        assert there in words, (words, there)
        words = words.replace(there, name)
    program, *options = shlex.split(words)
    found = find_postgres(program)
    assert found, f"{program} is not installed"
    where = ["--host", str(cluster.folder), "--username", "chat"]
    subprocess.run([found, *where, *options], check=True, capture_output=True, timeout=60)


def command(pattern: re.Pattern[str]) -> str:
    (found,) = set(pattern.findall(RUNNING.read_text("utf-8")))
    return str(found)


def test_what_was_dumped_and_copied_is_restored_as_it_was(tmp_path: Path, cluster: Cluster) -> None:
    folder, url = tmp_path / "chat", cluster.url()
    server = Server(folder, CHAT_DATABASE_URL=url).start()
    ada = Person(server, "ada").begin()
    ada.connect()
    picture = ada.upload(1, "picture.png", png())["upload"]["id"]
    assert ada.say(1, "before", uploads=[picture])["ok"]
    before = ada.history(1)
    run(cluster, command(BACKUP), **{"/srv/backups/chat.dump": str(tmp_path / "chat.dump"),
                                     " chat": f" {make_url(url).database}"})  # fmt: skip
    shutil.copytree(folder, tmp_path / "copy")
    assert ada.say(1, "after")["ok"]
    ada.leave()
    server.stop()

    restored = f"restored_{make_url(url).database}"
    run(cluster, command(CREATE).replace("--owner=chat ", ""), **{" chat": f" {restored}"})
    run(cluster, command(RESTORE), **{"/srv/backups/chat.dump": str(tmp_path / "chat.dump"),
                                      "--dbname=chat": f"--dbname={restored}"})  # fmt: skip
    again = Server(
        tmp_path / "copy",
        CHAT_DATABASE_URL=make_url(url).set(database=restored).render_as_string(False),
    ).start()
    ada.server = again  # the same browser: sessions and the secret are restored, too
    assert ada.history(1) == before and [each["text"] for each in before] == ["before"]
    assert ada.get(f"/files/{picture}").content.startswith(b"\x89PNG")
    ada.connect()
    assert ada.say(1, "after the restore")["message"]["seq"] == 2
    assert ada.ask("GET", "/api/search?q=before")["results"]
    ada.leave()
    again.stop()


@pytest.mark.skipif(os.name != "posix", reason="the containers have a POSIX shell and tar")
def test_the_commands_for_containers_back_up_and_restore(tmp_path: Path, cluster: Cluster) -> None:
    section = RUNNING.read_text("utf-8").partition("\n## In containers\n")[2].partition("\n## ")[0]
    found = [words for words in CONTAINED.findall(section) if not words.startswith("flask")]
    backup, restore = found[:2], found[2:]
    assert all(" > " in words for words in backup) and len(restore) == 5

    server = Server(tmp_path / "chat", CHAT_DATABASE_URL=cluster.url("chat")).start()
    ada = Person(server, "ada").begin()
    ada.connect()
    picture = ada.upload(1, "picture.png", png())["upload"]["id"]
    assert ada.say(1, "before", uploads=[picture])["ok"]
    before = ada.history(1)
    in_containers(cluster, tmp_path, backup)
    later = ada.upload(1, "later.png", png())["upload"]["id"]
    assert ada.say(1, "after", uploads=[later])["ok"]
    assert server.run("users", "create", "bo").returncode == 0
    ada.leave()
    server.stop()

    in_containers(cluster, tmp_path, restore)
    server.start()
    assert ada.history(1) == before and [each["text"] for each in before] == ["before"]
    assert ada.get(f"/files/{picture}").content.startswith(b"\x89PNG")
    assert not list((tmp_path / "chat" / "uploads").rglob(later))
    assert "users_create" in server.run("audit").stdout  # the security log stays as it was
    ada.connect()
    assert ada.say(1, "after the restore")["message"]["seq"] == 2
    ada.leave()
    server.stop()


def in_containers(cluster: Cluster, folder: Path, commands: list[str]) -> None:
    """Run commands as in the containers: the data folder is `folder / "chat"`."""
    psql = find_postgres("psql")
    assert psql
    path = os.pathsep.join([str(Path(psql).parent), os.environ["PATH"]])
    for words in commands:
        subprocess.run(
            words.replace("/var/lib/chat", str(folder / "chat")), shell=True, cwd=folder,
            env=os.environ | {"PATH": path, "PGHOST": str(cluster.folder)},
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip


def test_the_backup_command_says_in_one_sentence_what_to_do_instead(
    tmp_path: Path, cluster: Cluster
) -> None:
    server = Server(tmp_path / "chat", CHAT_DATABASE_URL=cluster.url())
    server.folder.mkdir(0o700)
    told = server.run("backup", str(tmp_path / "copy"))
    assert told.returncode == 1 and not (tmp_path / "copy").exists()
    (line,) = told.stderr.strip().splitlines()
    assert line == (
        "Error: This chat uses PostgreSQL: back it up with pg_dump, and then copy the folder "
        f"{tmp_path / 'chat'}, as docs/running.md describes."
    )
