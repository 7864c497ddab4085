"""The process is killed during a migration: nothing has changed, and the next start migrates again."""

import signal
from pathlib import Path

import pytest

from tests.faults.locks import held
from tests.faults.mutants import Change, mutant
from tests.final_app import databases
from tests.final_app.rig import Person, Server

OLD = "0001"  # the revision before the tables for reactions and uploads, and before the search
SAID = ("the engine is warm", "tea at five")
MOMENT = "2026-01-01 00:00:00"

# The second migration has created its tables, but has not filled the index of the search.
KILLED: Change = (
    "storage/migrations/versions/0002_files_reactions_search.py",
    "    _run(IN_SQLITE if op.get_bind()",
    "    import os\n    os.kill(os.getpid(), 9)\n    _run(IN_SQLITE if op.get_bind()",
)
BEGIN = "        self._begin(connection, clock.seconds() + MIGRATION_PATIENCE)\n"
NO_TRANSACTION: Change = ("storage/sqlite.py", BEGIN, "")
NO_PATIENCE: Change = ("storage/sqlite.py", "MIGRATION_PATIENCE = 15.0", "MIGRATION_PATIENCE = 0.0")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database. "" means SQLite."""
    return databases.cluster().url() if request.param == "postgresql" else ""


def old(server: Server) -> None:
    """Make a database of the first version, with Ada and her messages."""
    server.folder.mkdir(0o700, exist_ok=True)
    told = server.run("db", "upgrade", OLD)
    assert told.returncode == 0, told.stderr
    server.sql(
        "INSERT INTO users (id, username, name, password_hash, role, status, created_at) "
        f"VALUES (1, 'ada', 'ada', '', 'admin', 'active', '{MOMENT}')"
    )
    server.sql(
        "INSERT INTO rooms (id, slug, name, kind, last_seq, last_rev, created_at) "
        f"VALUES (1, 'general', 'general', 'open', {len(SAID)}, {len(SAID)}, '{MOMENT}')"
    )
    server.sql("INSERT INTO memberships VALUES (1, 1, 'owner', 0)")
    server.sql(
        "INSERT INTO messages (room_id, seq, rev, author_id, client_id, text, html, created_at) "
        f"VALUES (1, :seq, :seq, 1, :client_id, :text, '', '{MOMENT}')",
        *[{"seq": n, "client_id": f"{n}", "text": text} for n, text in enumerate(SAID, 1)],
    )


def start_and_be_killed(server: Server) -> None:
    """Start the development server, which is killed while it migrates the database."""
    told = server.run("run", "--port", "0")
    assert told.returncode == -signal.SIGKILL, told.stderr


def assert_migrated(server: Server) -> None:
    """Start the chat. Ada reads her messages and finds one of them."""
    told = server.run("users", "reset-password", "ada", "--password-stdin", stdin="engine room\n")
    assert told.returncode == 0, told.stderr
    assert f"Migrating the database from version {OLD} to " in told.stderr  # it can take a minute
    ada = Person(server.start(), "ada")
    ada.log_in("engine room")
    assert [message["text"] for message in ada.history(1)] == list(SAID)
    assert len(ada.ask("GET", "/api/search?q=engine")["results"]) == 1
    server.stop()


def test_a_kill_during_a_migration_leaves_the_database_as_it_was(tmp_path: Path, url: str) -> None:
    server = Server(tmp_path / "data", CHAT_DATABASE_URL=url)
    old(server)
    code = mutant(tmp_path, KILLED)
    start_and_be_killed(Server(server.folder, code=code, CHAT_DATABASE_URL=url))
    assert server.sql("SELECT version_num FROM alembic_version") == [(OLD,)]
    assert_migrated(server)


def test_a_kill_during_the_first_start_leaves_nothing_behind(tmp_path: Path, url: str) -> None:
    code = mutant(tmp_path, KILLED)
    start_and_be_killed(Server(tmp_path / "data", code=code, CHAT_DATABASE_URL=url))
    server = Server(tmp_path / "data", CHAT_DATABASE_URL=url).start()
    ada = Person(server, "ada").begin()
    ada.connect()
    assert ada.say(1, "hello")["ok"]
    ada.leave()
    server.stop()


@pytest.mark.long
def test_without_a_transaction_the_kill_leaves_new_tables_in_the_old_version(
    tmp_path: Path,
) -> None:
    """The negative twin."""
    server = Server(tmp_path / "data")
    old(server)
    code = mutant(tmp_path, KILLED, NO_TRANSACTION)
    start_and_be_killed(Server(server.folder, code=code))
    assert server.sql("SELECT version_num FROM alembic_version") == [(OLD,)]
    assert server.sql("SELECT count(*) FROM reactions") == [(0,)]


def test_a_locked_database_is_not_called_damaged_and_is_migrated_later(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    old(server)
    with held(server):
        code = mutant(tmp_path, NO_PATIENCE)
        told = Server(server.folder, code=code).run("users", "list")
    assert told.returncode == 2
    assert told.stderr.endswith(
        "\nError: The chat can't start. The database is busy. Nothing was saved; try again. "
        "(database is locked)\n"
    )
    assert_migrated(server)


def test_a_command_waits_for_a_lock_only_if_there_is_something_to_migrate(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    assert server.run("users", "create", "ada", "--admin").returncode == 0
    with held(server):
        told = server.run("users", "list")
    assert told.returncode == 0 and told.stdout.startswith("ada"), told.stderr
