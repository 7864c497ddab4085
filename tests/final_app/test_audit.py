"""The security log: what happened, kept for a year in the data folder, and shown by `audit`."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from final_app import retention
from final_app.errors import Forbidden, RateLimited
from final_app.lib import audit, clock
from final_app.storage import damage
from tests.final_app.conftest import Move
from tests.final_app.rig import HAS_MODES, PASSWORD, assert_private
from workshop import paths

WRITERS, ENTRIES = 4, 1_000  # processes, and entries of each
NOW = datetime(2026, 11, 29, 12, 0)
HERE = "192.0.2.7"
WRITE_MANY = f"""
import sys
from pathlib import Path
from final_app.lib.audit import SecurityLog
log = SecurityLog(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range({ENTRIES}):
    log.append({{"time": "2026-11-29T12:00:00Z", "event": "login", "who": sys.argv[2] * 50,
                "from": str(number), "outcome": "ok"}})
"""


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Return a function that sets the date."""

    def set_to(moment: datetime) -> None:
        monkeypatch.setattr(clock, "now", lambda: moment)

    set_to(NOW)
    return set_to


def happened(
    event: str, who: str = "ada", problem: Exception | None = None, where: str = HERE, **about: str
) -> None:
    """Record an event that succeeds, or that fails with a problem."""
    try:
        with audit.audited(event, who, where, **about):
            if problem:
                raise problem
    except (Forbidden, RateLimited):
        pass


def folder(app: Flask) -> Path:
    found: Path = app.extensions["security_log"].folder
    return found


def entries(app: Flask) -> list[dict[str, str]]:
    text = "".join(path.read_text("utf-8") for path in sorted(folder(app).iterdir()))
    return [json.loads(line) for line in text.splitlines()]


def shown(app: Flask, *words: str) -> list[str]:
    told: Result = app.test_cli_runner().invoke(args=["audit", *words])
    assert told.exit_code == 0, told.output
    return [" ".join(line.split()) for line in told.output.splitlines()]


def test_an_event_is_one_line_in_the_file_of_its_month(
    two_people: Flask, at: Callable[[datetime], None]
) -> None:
    happened("login")
    at(datetime(2026, 12, 1))
    happened("ban", problem=Forbidden("no"), name="bo")
    assert [path.name for path in sorted(folder(two_people).iterdir())] == [
        "2026-11.log", "2026-12.log"
    ]  # fmt: skip
    assert entries(two_people) == [
        {"time": "2026-11-29T12:00:00Z", "event": "login", "who": "ada", "from": HERE,
         "outcome": "ok"},
        {"time": "2026-12-01T00:00:00Z", "event": "ban", "who": "ada", "from": HERE,
         "outcome": "forbidden", "name": "bo"},
    ]  # fmt: skip


@pytest.mark.skipif(not HAS_MODES, reason="Windows has no modes of this kind")
def test_only_the_owner_reads_it_whatever_the_umask_is(two_people: Flask) -> None:
    before = os.umask(0)
    try:
        happened("login")
    finally:
        os.umask(before)
    assert_private(folder(two_people), least=2)


@pytest.mark.skipif(not HAS_MODES, reason="needs POSIX owners")
def test_what_root_writes_belongs_to_the_owner_of_the_data(
    two_people: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise, the chat could not continue the files after a command that was run as root."""
    given: dict[Path, int] = {}
    monkeypatch.setattr(os, "chown", lambda path, user, *_, **__: given.update({path: user}))
    for user in (os.geteuid() or 1, 0):  # nobody else can give files away
        assert given == {}
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        happened("login")
        damage.remember_backup(tmp_path / "chat.db", tmp_path)
    log = folder(two_people)
    files = [log, next(log.iterdir()), tmp_path / "chat.db.backups"]
    assert given == dict.fromkeys(files, tmp_path.stat().st_uid)


def test_several_processes_write_whole_lines_into_one_file(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE_MANY, tmp_path, letter],
            cwd=paths.ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for letter in "abcd"[:WRITERS]
    ]
    for writer in writers:  # all begin at the same time
        assert writer.stdout and writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("\n")
        writer.stdin.close()
    assert [writer.wait(120) for writer in writers] == [0] * WRITERS
    text = (tmp_path / "audit" / "2026-11.log").read_text("utf-8")
    lines = [line for line in text.splitlines() if line]
    assert len(lines) == WRITERS * ENTRIES
    assert len({tuple(json.loads(line).values()) for line in lines}) == WRITERS * ENTRIES


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_a_full_disk_breaks_nothing_but_is_reported(
    two_people: Flask, at: Callable[[datetime], None], caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(audit, "_failures", audit.Seldom(logging.getLogger("test")))
    folder(two_people).mkdir()
    (folder(two_people) / "2026-11.log").symlink_to("/dev/full")
    happened("login")
    told = f"Can't write to the security log {folder(two_people)}: No space left on device."
    assert told in caplog.text


def test_a_line_that_a_full_disk_cut_off_spoils_no_other(
    two_people: Flask, at: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    happened("login", "ada")
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(audit.os, "write", lambda file, line: write(file, line[:30]))
        happened("login", "bo")
    happened("login", "cy")
    assert [line.split()[2] for line in shown(two_people)] == ["ada", "cy"]


def test_the_command_shows_when_what_who_from_where_and_the_outcome(
    two_people: Flask, at: Callable[[datetime], None]
) -> None:
    happened("login")
    happened("users_promote", "root of all", name="bo")
    happened("registration", "eve\n\x1b[31mforged", Forbidden("no"))
    assert shown(two_people) == [
        f"2026-11-29T12:00:00Z login ada {HERE} ok",
        f'2026-11-29T12:00:00Z users_promote name=bo "root of all" {HERE} ok',
        rf'2026-11-29T12:00:00Z registration "eve\n\u001b[31mforged" {HERE} forbidden',
    ]


def test_who_and_days_choose_what_the_command_shows(
    two_people: Flask, at: Callable[[datetime], None]
) -> None:
    at(datetime(2026, 10, 1))
    happened("login", "ada")
    at(datetime(2026, 11, 27, 11))
    happened("login", "bo")
    at(NOW)
    happened("ban", "ada", name="bo")
    assert [line.split()[1] for line in shown(two_people, "--days", "1")] == ["ban"]
    assert [line.split()[1] for line in shown(two_people, "--who", "bo")] == ["login", "ban"]
    assert len(shown(two_people)) == 2 and len(shown(two_people, "--days", "90")) == 3
    assert shown(two_people, "--who", "cy") == ["There are none."]
    happened("registration", "Cy ")  # as somebody typed it
    happened("users_ban", "root", name="CY")
    assert len(shown(two_people, "--who", "Cy")) == len(shown(two_people, "--who", "cy")) == 2


def test_a_log_that_cannot_be_read_is_not_called_empty(two_people: Flask) -> None:
    assert not folder(two_people).exists()  # as if CHAT_DATA_DIR named another folder
    told: Result = two_people.test_cli_runner().invoke(args=["audit"])
    assert told.exit_code == 1 and "Can't read the security log: " in told.output


def test_the_sweep_removes_what_is_more_than_twelve_months_old(
    two_people: Flask, at: Callable[[datetime], None]
) -> None:
    folder(two_people).mkdir()
    for month in ("2024-12", "2025-10", "2025-11", "2026-01", "2026-11"):
        (folder(two_people) / f"{month}.log").write_text("")
    (folder(two_people) / "notes.txt").write_text("not a log")
    removed = retention.sweep(two_people.extensions["files"], 0)
    assert removed["security logs"] == 2
    assert sorted(path.name for path in folder(two_people).iterdir()) == [
        "2025-11.log", "2026-01.log", "2026-11.log", "notes.txt"
    ]  # fmt: skip


def test_a_flood_of_attempts_does_not_fill_the_disk(two_people: Flask, move: Move) -> None:
    for _ in range(100):
        happened("login", problem=RateLimited("wait"))
    happened("login", "bo")
    happened("password_change", problem=RateLimited("wait"))
    move(audit.EVERY + 1)
    happened("login", problem=RateLimited("wait"))
    assert [(entry["event"], entry["outcome"]) for entry in entries(two_people)] == [
        ("login", "rate_limited"),
        ("login", "ok"),
        ("password_change", "rate_limited"),
        ("login", "rate_limited"),
    ]


def test_a_flood_from_many_addresses_of_an_ipv6_network_is_one_flood(two_people: Flask) -> None:
    """The entry has the whole address of the first attempt."""
    for network in (1, 2):
        for number in range(50):
            happened("login", problem=RateLimited("wait"), where=f"2001:db8:1:{network}::{number}")
    found = [entry["from"] for entry in entries(two_people)]
    assert found == ["2001:db8:1:1::0", "2001:db8:1:2::0"]


def test_a_token_that_no_longer_works_is_noted_once_a_minute_and_not_shown(
    two_people: Flask,
) -> None:
    client = two_people.test_client()
    for _ in range(3):
        answer = client.get("/api/people", headers={"Authorization": "Bearer replaced-token"})
        assert answer.status_code == 401
    assert client.get("/api/people").status_code == 401  # a page after a logout is no attempt
    (entry,) = entries(two_people)
    assert entry["event"] == "token" and entry["outcome"] == "unauthorized"
    assert entry["from"] == "127.0.0.1" and "replaced-token" not in json.dumps(entry)


def test_roles_tokens_and_passwords_of_commands_are_in_it_without_secrets(
    two_people: Flask,
) -> None:
    runner = two_people.test_cli_runner()
    printed = [
        runner.invoke(args=words.split(), input=f"{PASSWORD}!\n").output
        for words in (
            "users promote bo", "users demote bo", "bots create helper", "bots token helper",
            "invites create", "users reset-password bo --password-stdin", "users ban bo",
            "users list", "audit",
        )
    ]  # fmt: skip
    found = [(entry["event"], entry["outcome"]) for entry in entries(two_people)]
    assert found == [
        (event, "ok")
        for event in (
            "users_promote", "users_demote", "bots_create", "bots_token", "invites_create",
            "users_reset_password", "users_ban",
        )
    ]  # fmt: skip
    secrets = [told.split(": ")[1].strip() for told in printed[2:4]]
    secrets += [printed[4].split("=")[1].split()[0], PASSWORD]
    text = json.dumps(entries(two_people))
    assert all(len(secret) > 15 and secret not in text for secret in secrets)


def test_a_command_of_cron_has_the_name_of_its_user(
    two_people: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SUDO_USER", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOGNAME", "chat")  # cron sets only this one
    two_people.test_cli_runner().invoke(args=["sweep"])
    assert [entry["who"] for entry in entries(two_people)] == ["chat"]


def test_a_log_that_nobody_can_write_to_is_reported_once_a_minute(
    two_people: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(two_people).write_text("a file is in the way")
    monkeypatch.setattr(audit, "_failures", audit.Seldom(logging.getLogger("test")))
    for _ in range(5):
        happened("login")
    assert caplog.text.count("Can't write to the security log") == 1
