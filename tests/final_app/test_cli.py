"""Commands do what they say, say what they did, and refuse with one line."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from final_app import accounts, config, create_app, log_ins, memberships
from tests.final_app.rig import PASSWORD, PLENTY, Server


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """The chat before its first start: not even tables."""
    return create_app(config.read(PLENTY | {"CHAT_DATA_DIR": str(tmp_path)}))


def run(app: Flask, *words: str, stdin: str = "") -> Result:
    return app.test_cli_runner().invoke(args=words, input=stdin)


def said(app: Flask, *words: str, stdin: str = "") -> str:
    told = run(app, *words, stdin=stdin)
    assert told.exit_code == 0, told.output
    return told.output


def refused(app: Flask, *words: str, stdin: str = "") -> str:
    told = run(app, *words, stdin=stdin)
    assert told.exit_code == 1 and isinstance(told.exception, SystemExit), told
    assert len(told.output.strip().splitlines()) == 1, told.output
    return told.output


def test_the_first_account_needs_no_start_before_it(app: Flask) -> None:
    told = said(app, "users", "create", "Ada", "--admin", "--password-stdin", stdin=PASSWORD + "\n")
    assert told == "Made the account ada, an administrator.\n"
    with app.app_context():
        ada = log_ins.recognise("ada", PASSWORD)
        assert [room["name"] for room in memberships.of(ada)] == [
            "general"
        ]  # as at the first visit


def test_the_first_account_must_be_an_administrators(app: Flask) -> None:
    assert "add --admin" in refused(app, "users", "create", "bo")
    with app.app_context():
        assert not accounts.anybody()


def test_a_password_that_nobody_typed_is_made_and_told(app: Flask) -> None:
    password = said(app, "users", "create", "ada", "--admin").split("The password: ")[1].strip()
    told = said(app, "users", "create", "bo")
    assert told.startswith("Made the account bo. The password: ") and password not in told
    with app.app_context():
        assert log_ins.recognise("ada", password) == 1


def test_an_account_that_cannot_be_is_refused_in_one_line(app: Flask) -> None:
    said(app, "users", "create", "ada", "--admin")
    assert "has this name already" in refused(app, "users", "create", "ADA")
    assert "1 to 30 letters" in refused(app, "users", "create", "a b")
    assert "8 to 200 characters" in refused(app, "users", "create", "bo", "--password-stdin")


def test_a_reset_password_ends_the_log_ins(app: Flask) -> None:
    said(app, "users", "create", "ada", "--admin")
    with app.app_context():
        token = log_ins.begin(1, "test", "127.0.0.1")
    told = said(app, "users", "reset-password", "ada", "--password-stdin", stdin="another one\n")
    assert told == "ada has a new password; 1 log-ins ended.\n"
    with app.app_context():
        assert log_ins.who(token) is None
        assert log_ins.recognise("ada", "another one") == 1
    assert "nobody called 'bo'" in refused(app, "users", "reset-password", "bo")


def test_a_ban_is_told_and_happens_once(app: Flask) -> None:
    said(app, "users", "create", "ada", "--admin")
    said(app, "users", "create", "bo", "--password-stdin", stdin=PASSWORD)
    assert "last administrator" in refused(app, "users", "ban", "ada")
    assert said(app, "users", "ban", "bo") == "bo is banned; 0 log-ins ended.\n"
    assert "no such person" in refused(app, "users", "ban", "bo")
    assert "nobody called 'cy'" in refused(app, "users", "ban", "cy")


def test_an_invite_leads_to_registration(app: Flask) -> None:
    said(app, "users", "create", "ada", "--admin")
    said(app, "users", "create", "bo")
    first, second = said(app, "invites", "create", "--by", "ada").splitlines()
    assert second.startswith("Good for 20 people, until 20")
    with app.app_context():
        accounts.register(
            "cy", PASSWORD, first.removeprefix("/register?invite="), open_to_all=False
        )
    assert said(app, "invites", "create").startswith("/register?invite=")
    assert "Only an administrator" in refused(app, "invites", "create", "--by", "bo")
    assert "nobody called" in refused(app, "invites", "create", "--by", "zoe")


def test_the_demo_fills_an_empty_installation_and_no_other(app: Flask) -> None:
    password = said(app, "seed-demo").strip().split("Their password: ")[1]
    with app.app_context():
        assert log_ins.recognise("cy", password) == 3
        assert memberships.of(3)[0]["last_seq"] == 6
    assert "has an administrator already" in refused(app, "seed-demo")


def test_db_upgrade_makes_the_tables_of_an_empty_folder(tmp_path: Path) -> None:
    """And as it is typed: in a process of its own."""
    server = Server(tmp_path / "new")
    told = server.run("db", "upgrade")
    assert told.returncode == 0, told.stderr
    assert {"users", "rooms", "messages", "sessions"} <= _tables(tmp_path / "new" / "chat.db")
    assert server.run("db", "upgrade").returncode == 0  # again: nothing to do
    told = server.run("users", "create", "ada", "--admin")
    assert told.stdout.startswith("Made the account ada") and told.stderr == ""


def _tables(path: Path) -> set[Any]:
    with sqlite3.connect(path) as database:
        found = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
    database.close()
    return found


def test_an_invite_needs_an_administrator_to_make_it(app: Flask) -> None:
    assert "users create NAME --admin" in refused(app, "invites", "create")
