"""Commands do what they promise, report what they did, and refuse with one line."""

import errno
import os
import re
import sqlite3
import uuid
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy.engine import make_url

from final_app import config, create_app
from final_app.accounts import accounts, sessions
from final_app.chat import history, memberships, messages, people, reactions, rooms, search, uploads
from final_app.cli import people as commands
from final_app.errors import Forbidden, NotFound
from final_app.lib import clock
from final_app.storage import backup
from final_app.storage.models import db
from tests.final_app.rig import HAS_MODES, PASSWORD, PLENTY, Server, assert_private
from workshop.cluster import Cluster


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """The chat before its first start, without any tables."""
    return create_app(config.read(PLENTY | {"CHAT_DATA_DIR": str(tmp_path)}))


WAS_EMPTY = "The database was empty"


def run(app: Flask, *words: str, stdin: str = "") -> Result:
    return app.test_cli_runner().invoke(args=words, input=stdin)


def said(app: Flask, *words: str, stdin: str = "") -> str:
    told = run(app, *words, stdin=stdin)
    assert told.exit_code == 0, told.output
    return told.stdout


def refused(app: Flask, *words: str, stdin: str = "") -> str:
    told = run(app, *words, stdin=stdin)
    assert told.exit_code == 1 and isinstance(told.exception, SystemExit), told
    lines = [line for line in told.stderr.splitlines() if not line.startswith(WAS_EMPTY)]
    assert len(lines) == 1, told.output
    return lines[0]


def test_the_first_account_needs_no_start_before_it(app: Flask) -> None:
    words = "users", "create", "Ada", "--admin", "--password-stdin"
    told = run(app, *words, stdin=PASSWORD + "\n")
    assert told.stdout == "Created the account ada (administrator).\n"
    assert told.stderr.startswith(WAS_EMPTY) and "chat.db" in told.stderr  # is it the right one?
    assert WAS_EMPTY not in run(app, "users", "list").output
    with app.app_context():
        ada = sessions.authenticate("ada", PASSWORD)[0]
        assert [room["name"] for room in memberships.of(ada)] == [
            "general"
        ]  # as at the first visit


def test_the_first_account_must_be_an_administrators(app: Flask) -> None:
    assert "Add --admin" in refused(app, "users", "create", "bo")
    with app.app_context():
        assert not accounts.exist()


def test_a_name_can_have_letters_that_a_file_on_windows_cannot_take(app: Flask) -> None:
    said(app, "users", "create", "ada", "--admin")
    windows = app.test_cli_runner(charset="cp1252")
    created = windows.invoke(args=["rooms", "create", "Łódź", "--owner", "ada"])
    assert (created.exit_code, created.stdout) == (0, "Created the room ?ód?: /r/odz\n")
    listed = windows.invoke(args=["rooms", "list"])
    assert listed.exit_code == 0 and "?ód?" in listed.stdout
    assert "Łódź" in said(app, "rooms", "list")  # the name itself is complete


def test_a_password_that_nobody_typed_is_made_and_told(app: Flask) -> None:
    password = said(app, "users", "create", "ada", "--admin").split("The password: ")[1].strip()
    told = said(app, "users", "create", "bo")
    assert told.startswith("Created the account bo. The password: ") and password not in told
    with app.app_context():
        assert sessions.authenticate("ada", password)[0] == 1


def test_an_account_that_cannot_be_is_refused_in_one_line(app: Flask) -> None:
    said(app, "users", "create", "ada", "--admin")
    assert "already taken" in refused(app, "users", "create", "ADA")
    assert "1 to 30 characters" in refused(app, "users", "create", "a b")
    assert "8 to 200 characters" in refused(app, "users", "create", "bo", "--password-stdin")


def test_a_reset_password_ends_the_log_ins(app: Flask) -> None:
    said(app, "users", "create", "ada", "--admin")
    with app.app_context():
        token = sessions.create(1, "test", "127.0.0.1")
    told = said(app, "users", "reset-password", "ada", "--password-stdin", stdin="another one\n")
    assert told == "ada has a new password. 1 session ended.\n"
    with app.app_context():
        assert sessions.find(token) is None
        assert sessions.authenticate("ada", "another one")[0] == 1
    assert "no account called 'bo'" in refused(app, "users", "reset-password", "bo")


def test_while_somebody_types_a_password_the_command_keeps_no_transaction_open(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL would end it after 5 s, and the command would fail."""
    said(app, "users", "create", "ada", "--admin")
    read, held = commands._password, []

    def typed(from_stdin: bool) -> tuple[str, str]:
        held.append(db.session().in_transaction())
        return read(from_stdin)

    monkeypatch.setattr(commands, "_password", typed)
    said(app, "users", "reset-password", "ada", "--password-stdin", stdin="another one\n")
    assert held == [False]


def test_a_password_from_a_file_with_windows_line_ends_is_read_without_them(
    tmp_path: Path,
) -> None:
    """The command runs in a process of its own: only there, Python leaves the line end as it is."""
    server = Server(tmp_path / "new")
    told = server.run(
        "users", "create", "ada", "--admin", "--password-stdin", stdin=f"{PASSWORD}\r\n"
    )
    assert told.returncode == 0, told.stderr
    assert_private(server.folder, least=3)  # the folder, the database and the secret
    with create_app(config.read(PLENTY | {"CHAT_DATA_DIR": str(server.folder)})).app_context():
        assert sessions.authenticate("ada", PASSWORD)[0] == 1


def test_a_ban_is_told_and_happens_once(app: Flask) -> None:
    said(app, "users", "create", "ada", "--admin")
    said(app, "users", "create", "bo", "--password-stdin", stdin=PASSWORD)
    assert "only administrator" in refused(app, "users", "ban", "ada")
    assert said(app, "users", "ban", "bo") == "bo is banned. 0 sessions ended.\n"
    for words in (("users", "ban"), ("users", "promote"), ("users", "reset-password"),
                  ("rooms", "add", "general")):  # fmt: skip
        assert "bo is banned. To lift the ban, run: users unban bo" in refused(app, *words, "Bo")
    assert "no account called 'cy'" in refused(app, "users", "ban", "cy")


def test_an_invite_leads_to_registration(app: Flask) -> None:
    said(app, "users", "create", "ada", "--admin")
    said(app, "users", "create", "bo")
    first, second = said(app, "invites", "create", "--by", "ada").splitlines()
    assert second.startswith("Valid for 20 people until 20")
    with app.app_context():
        accounts.register(
            "cy", PASSWORD, first.removeprefix("/register?invite="), open_to_all=False
        )
    assert said(app, "invites", "create").startswith("/register?invite=")
    assert "Only an administrator" in refused(app, "invites", "create", "--by", "bo")
    assert "no account called" in refused(app, "invites", "create", "--by", "zoe")


def test_the_demo_fills_an_empty_installation_and_no_other(app: Flask) -> None:
    password = said(app, "seed-demo").strip().split("Their password: ")[1]
    with app.app_context():
        assert sessions.authenticate("cy", password)[0] == 3
        assert memberships.of(3)[0]["last_seq"] == 6
    assert "already has an administrator" in refused(app, "seed-demo")


def test_db_upgrade_makes_the_tables_of_an_empty_folder(tmp_path: Path) -> None:
    """The command also runs as a user would type it: in a separate process."""
    server = Server(tmp_path)
    told = server.run("db", "upgrade")
    assert told.returncode == 0, told.stderr
    assert {"users", "rooms", "messages", "sessions"} <= _tables(tmp_path / "chat.db")
    assert server.run("db", "upgrade").returncode == 0  # again: nothing to do
    told = server.run("users", "create", "ada", "--admin")
    assert told.stdout.startswith("Created the account ada") and told.stderr == ""


def _tables(path: Path) -> set[Any]:
    with sqlite3.connect(path) as database:
        found = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
    database.close()
    return found


@pytest.mark.parametrize(
    "words",
    [("users", "list"), ("backup", "copy"), ("audit",), ("db", "current"), ("users", "ban", "bo"),
     ("sweep",)],
)  # fmt: skip
def test_a_command_that_needs_a_chat_creates_no_data_folder(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    server = Server(tmp_path / "mistyped")
    told = server.run(*words)
    assert told.returncode in (1, 2) and str(server.folder) in told.stderr
    assert told.stderr.count("\n") == 1 and "CHAT_DATA_DIR" in told.stderr, told.stderr
    assert not server.folder.exists()


@pytest.mark.skipif(not HAS_MODES, reason="needs POSIX owners")
def test_what_the_first_command_creates_as_root_belongs_to_the_owner_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise, the chat could not start after it."""
    given = set()
    monkeypatch.setattr(os, "chown", lambda path, *_, **__: given.add(path.name))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    app = create_app(config.read(PLENTY | {"CHAT_DATA_DIR": str(tmp_path)}))
    said(app, "users", "create", "ada", "--admin")
    assert given >= {"secret", "chat.db", "audit"}


def test_an_invite_needs_an_administrator_to_make_it(app: Flask) -> None:
    assert "users create NAME --admin" in refused(app, "invites", "create")


@pytest.fixture
def team(app: Flask) -> Flask:
    """The chat with Ada, its administrator, and Bo."""
    said(app, "users", "create", "ada", "--admin", "--password-stdin", stdin=PASSWORD)
    said(app, "users", "create", "bo", "--password-stdin", stdin=PASSWORD)
    return app


def columns(told: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line) for line in told.splitlines()]


def test_who_was_banned_comes_back_into_the_open_rooms(team: Flask) -> None:
    assert "bo is not banned" in refused(team, "users", "unban", "bo")
    said(team, "users", "ban", "bo")
    assert columns(said(team, "users", "list"))[1] == ["bo", "bo", "member", "banned"]
    told = said(team, "users", "unban", "bo")
    assert told == "bo can log in again and is back in the open rooms.\n"
    with team.app_context():
        bo = sessions.authenticate("bo", PASSWORD)[0]
        assert [room["name"] for room in memberships.of(bo)] == ["general"]


def test_roles_change_and_one_administrator_stays(team: Flask) -> None:
    assert "only administrator" in refused(team, "users", "demote", "ada")
    assert said(team, "users", "promote", "bo") == "bo is an administrator.\n"
    assert "bo is already an administrator" in refused(team, "users", "promote", "bo")
    assert said(team, "users", "demote", "ada") == "ada is no longer an administrator.\n"
    roles = {row[0]: row[2] for row in columns(said(team, "users", "list"))}
    assert roles == {"ada": "member", "bo": "admin"}


def test_a_deleted_account_frees_its_name_also_when_it_was_banned(team: Flask) -> None:
    said(team, "users", "ban", "bo")
    assert said(team, "users", "delete", "bo") == "bo is deleted. 0 sessions ended.\n"
    assert columns(said(team, "users", "list")) == [["ada", "ada", "admin", "active"]]
    said(team, "users", "create", "bo")
    assert "only administrator" in refused(team, "users", "delete", "ada")


def test_a_bots_token_is_told_once_and_a_new_one_ends_it(team: Flask) -> None:
    told = said(team, "bots", "create", "Hook")
    token = told.removeprefix("Created the bot hook. Its token (shown only once): ").strip()
    with team.app_context():
        assert (me := sessions.find(token)) and (me.username, me.role) == ("hook", "bot")
    newer = said(team, "bots", "token", "hook").rsplit(" ", 1)[1].strip()
    with team.app_context():
        assert sessions.find(token) is None and sessions.find(newer)
    assert "Only bots have tokens" in refused(team, "bots", "token", "bo")
    assert "no password, only a token" in refused(team, "users", "reset-password", "hook")
    assert "hook is a bot" in refused(team, "users", "promote", "hook")


def test_a_bot_does_not_come_before_the_administrator(app: Flask) -> None:
    """The bot would be an account, so the first visitor would not become the administrator."""
    assert "users create NAME --admin" in refused(app, "bots", "create", "hook")
    with app.app_context():
        assert not accounts.exist()


def test_rooms_are_made_named_closed_and_opened_again(team: Flask) -> None:
    made = said(team, "rooms", "create", "Tea & cake", "--closed", "--owner", "bo")
    slug = made.removeprefix("Created the room Tea & cake: /r/").strip()
    assert slug.startswith("tea-cake-")
    assert columns(said(team, "rooms", "members", slug)) == [["bo", "owner"]]
    assert said(team, "rooms", "rename", slug, "Tea") == f"/r/{slug} is now called Tea.\n"
    assert said(team, "rooms", "archive", slug).startswith(f"/r/{slug} is archived")
    assert columns(said(team, "rooms", "list")) == [
        ["general", "general", "open", "2"],
        [slug, "Tea", "archived", "1"],
    ]
    said(team, "rooms", "create", "Tea", "--owner", "ada")
    assert "There is already a room with this name" in refused(team, "rooms", "unarchive", slug)
    said(team, "rooms", "rename", "tea", "Coffee")
    assert said(team, "rooms", "unarchive", slug) == f"/r/{slug} is no longer archived.\n"
    with team.app_context():
        rooms.direct(1, 2)
    for command in (["rename", "dm-1-2", "Ours"], ["archive", "dm-1-2"], ["members", "nowhere"]):
        assert "There is no room /r/" in refused(team, "rooms", *command)
    assert "dm-1-2" not in said(team, "rooms", "list")
    assert "no account called" in refused(team, "rooms", "create", "X", "--owner", "zoe")


def test_a_room_that_everybody_has_left_gets_a_member_again(team: Flask) -> None:
    made = said(team, "rooms", "create", "Tea", "--closed", "--owner", "bo")
    slug = made.removeprefix("Created the room Tea: /r/").strip()
    with team.app_context():
        rooms.remove_member(2, rooms.id_of(slug), 2)
    assert said(team, "rooms", "members", slug) == "There are none.\n"
    assert said(team, "rooms", "add", slug, "ADA") == f"ada is in /r/{slug}.\n"
    assert said(team, "rooms", "add", slug, "bo") == f"bo is in /r/{slug}.\n"
    both = [["ada", "owner"], ["bo", "member"]]
    assert columns(said(team, "rooms", "members", slug)) == both
    said(team, "rooms", "add", slug, "bo")  # changes nothing
    assert columns(said(team, "rooms", "members", slug)) == both
    assert "no account called" in refused(team, "rooms", "add", slug, "zoe")
    said(team, "rooms", "archive", slug)
    said(team, "users", "create", "cy")
    assert "Nobody can be added" in refused(team, "rooms", "add", slug, "cy")


def test_the_operators_number_is_nobodys(team: Flask) -> None:
    """This number opens every room, so no account may ever have it."""
    with team.app_context():
        assert rooms.OPERATOR not in [person["id"] for person in people.everybody()]
        with pytest.raises(NotFound):
            people.get_active(rooms.OPERATOR)
        with pytest.raises(NotFound):
            rooms.rename(2, rooms.create(1, "Tea", "closed"), "Bo's")  # the twin: Bo is outside


def test_an_invite_that_was_revoked_lets_nobody_in(team: Flask) -> None:
    link, until = said(team, "invites", "create").splitlines()
    (code, by, uses, _), (*_, expires) = columns(said(team, "invites", "list"))
    assert (by, uses) == ("ada", "20")  # the first one is from the first start
    assert until.endswith(f"until {expires}.")
    for given in (code, link):
        assert said(team, "invites", "revoke", given) == "This invite no longer works.\n"
    assert said(team, "invites", "list") == "There are none.\n"
    assert "no such invite" in refused(team, "invites", "revoke", code)
    with team.app_context(), pytest.raises(Forbidden):
        accounts.register("cy", PASSWORD, code, open_to_all=False)


def test_storage_is_told_by_type(team: Flask, tmp_path: Path) -> None:
    assert columns(said(team, "storage")) == [["all", "no quota", "0"]]
    with team.app_context():
        for text in (b"one", b"three", b"\x00\x01"):
            upload(team, text)
    assert columns(said(team, "storage")) == [
        ["text/plain", "2", "8"],
        ["application/octet-stream", "1", "2"],
        ["all", "no quota", "10"],
    ]


def test_a_sweep_says_what_went(team: Flask) -> None:
    told = "Removed 0 messages, 0 files, 0 leftovers, 0 invites, 0 sessions, 0 outbox entries, "
    told += "0 security logs.\n"
    assert said(team, "sweep") == told


def upload(app: Flask, content: bytes) -> str:
    """Upload a file as Ada to "general", without sending it. Return its ID."""
    incoming = app.extensions["files"].incoming() / uuid.uuid4().hex
    incoming.write_bytes(content)
    kept = app.extensions["files"].keep(incoming)
    uploads.add(1, 1, "note.txt", kept)
    return str(kept.id)


def test_a_backup_tells_what_it_holds_and_what_was_deleted_meanwhile(
    team: Flask, tmp_path: Path
) -> None:
    with team.app_context():
        files = [upload(team, text) for text in (b"one", b"two", b"three")]
        accounts.deactivate(2, "deleted")
    team.extensions["files"].path(files[1]).unlink()  # as if its message went away just now
    first, second = said(team, "backup", str(tmp_path / "copy")).splitlines()
    assert re.fullmatch(r"Backed up to .*/copy: 2 people, 1 rooms, 0 messages, 2 files, [\d,]+ bytes\. "
                        r"The copy of the database was checked\.", first)  # fmt: skip
    assert second == f"Files deleted during the backup: {files[1]}"
    copied = {path.name for path in (tmp_path / "copy" / "uploads").rglob("*") if path.is_file()}
    assert copied == {files[0], files[2]}


def test_a_backup_replaces_nothing_and_leaves_no_half_behind(
    team: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "already exists" in refused(team, "backup", str(tmp_path))
    assert "does not exist" in refused(team, "backup", str(tmp_path / "unmounted" / "copy"))

    def disk_is_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = sorted(tmp_path.iterdir())
    with monkeypatch.context() as trouble:
        trouble.setattr(backup.shutil, "copy", disk_is_full)
        told = refused(team, "backup", str(tmp_path / "copy"))
        # SQLite does not say which of the two disks is full.
        assert (
            f"the disk of {tmp_path} or that of the database {tmp_path / 'chat.db'} is full" in told
        )
    assert sorted(tmp_path.iterdir()) == before
    said(team, "backup", str(tmp_path / "copy"))


def test_a_backup_can_be_made_of_a_disk_that_has_become_read_only(
    team: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the chat stops, SQLite can still read there."""
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
    assert said(team, "backup", str(tmp_path / "copy")).startswith("Backed up to")


def test_a_backup_of_a_folder_without_a_chat_says_which_folder(app: Flask, tmp_path: Path) -> None:
    told = refused(app, "backup", str(tmp_path / "copy"))
    assert f"no chat in {tmp_path / 'chat.db'}. Correct CHAT_DATA_DIR" in told


def test_a_damaged_database_is_no_backup(team: Flask, tmp_path: Path) -> None:
    with team.app_context():
        db.session.execute(db.text("PRAGMA wal_checkpoint(TRUNCATE)"))
        db.session.remove()
        db.engine.dispose()
    database = bytearray((tmp_path / "chat.db").read_bytes())
    database[4096 * 6 : 4096 * 9] = b"\xee" * 4096 * 3
    (tmp_path / "chat.db").write_bytes(database)
    told = run(team, "backup", str(tmp_path / "copy"))
    assert told.exit_code == 1 and "The backup failed: " in told.output
    assert not (tmp_path / "copy").exists()


def test_a_backup_before_an_upgrade_keeps_the_version_that_it_was(
    team: Flask, tmp_path: Path
) -> None:
    said(team, "db", "downgrade", "0001")
    assert "2 people" in said(team, "backup", str(tmp_path / "copy"))
    for folder in (tmp_path, tmp_path / "copy"):
        assert "reactions" not in _tables(folder / "chat.db")


def test_the_second_migration_goes_down_and_up_and_the_messages_stay(team: Flask) -> None:
    """Data without a table in the first version is lost: files, reactions, notification levels."""
    with team.app_context():
        first = messages.post(1, 1, str(uuid.uuid4()), "Hello, @bo", None).message
        reactions.react(2, first["id"], "👍", True)
        messages.post(2, 1, str(uuid.uuid4()), "Hello, Ada", first["id"])
        memberships.set_notify(2, 1, "none")
        before = history.page(2, 1)["messages"]
        db.session.remove()
    said(team, "db", "downgrade", "0001")
    said(team, "db", "upgrade")
    with team.app_context():
        after = history.page(2, 1)["messages"]
        assert before[0].pop("reactions") and after == before
        assert memberships.one(2, 1)["notify"] == "all"
        found = search.find(2, "hello", room_id=None, before=None)["results"]
        assert [each["message"]["seq"] for each in found] == [2, 1]
        messages.post(1, 1, str(uuid.uuid4()), "And hello again", None)  # the triggers are there
        assert len(search.find(2, "hello", room_id=None, before=None)["results"]) == 3


@pytest.mark.parametrize("start", ["0005", "0001"])
def test_no_downgrade_deletes_everything(team: Flask, tmp_path: Path, start: str) -> None:
    said(team, "db", "downgrade", start)
    told = run(team, "db", "downgrade", "base")
    assert told.exit_code == 2 and "would delete all people" in told.output
    assert ("reactions" in _tables(tmp_path / "chat.db")) == (start == "0005")
    assert said(team, "users", "list").startswith("ada ")


POSTGRES = "postgresql+psycopg://chat@127.0.0.1:1/chat"  # where no server listens


def at(url: str, folder: Path) -> Flask:
    return create_app(
        config.read(PLENTY | {"CHAT_DATA_DIR": str(folder), "CHAT_DATABASE_URL": url})
    )


def test_why_postgresql_cannot_be_reached_is_told(tmp_path: Path) -> None:
    told = run(at(POSTGRES, tmp_path), "users", "list")
    assert told.exit_code == 2 and "can't open its database" in told.output
    assert "port 1 failed" in told.output and told.output.count("\n") == 1


def test_a_command_makes_no_tables_in_an_unsuitable_database(
    tmp_path: Path, cluster: Cluster
) -> None:
    name = f"plain_{uuid.uuid4().hex[:12]}"
    url = make_url(cluster.address).set(database=name).render_as_string(hide_password=False)
    with cluster.admin() as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
    told = run(at(url, tmp_path), "users", "list")
    assert told.exit_code == 2 and "--locale=C.UTF-8" in told.output

    with cluster.admin(other := cluster.url()) as connection:
        connection.execute("CREATE TABLE users ()")
    told = run(at(other, tmp_path), "rooms", "list")
    assert told.exit_code == 1 and "There is no chat in postgresql" in told.output
    told = run(at(other, tmp_path), "users", "create", "ada", "--admin")
    assert told.exit_code == 2 and "already exists). The database was not changed." in told.output
    assert "backup" not in told.output  # which would not help, and the chat knows none


def test_the_database_of_a_newer_version_is_refused_with_what_to_do(team: Flask) -> None:
    with team.app_context():
        db.session.execute(db.text("UPDATE alembic_version SET version_num = '9999'"))
        db.session.commit()
        db.session.remove()
    told = run(team, "users", "list")
    assert told.exit_code == 2 and "belongs to a newer version of the chat" in told.output
    assert "its migration is 9999" in told.output and "docs/running.md" in told.output


def test_no_code_of_an_invite_looks_like_an_option() -> None:
    assert not any(clock.token().startswith("-") for _ in range(1000))


@pytest.mark.parametrize("words", [
    ("users", "create", "\udcff"), ("rooms", "create", "Tea\udcff", "--owner", "ada"),
    ("invites", "revoke", "\udcff"),
])  # fmt: skip
def test_bytes_that_are_no_text_are_refused(app: Flask, words: tuple[str, ...]) -> None:
    result = run(app, *words)
    assert result.exit_code == 1 and "Expected text" in result.output


def test_the_days_of_the_security_log_have_a_limit(app: Flask) -> None:
    result = run(app, "audit", "--days", "999999999")
    assert result.exit_code == 2 and "is not in the range" in result.output
