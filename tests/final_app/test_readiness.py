"""/readyz really writes, at most once a second, and answers within a second."""

import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event

from final_app import startup
from final_app.accounts import accounts
from final_app.chat import messages
from final_app.errors import DiskFull, Unavailable, Unwritable
from final_app.storage import database, readiness
from final_app.storage.models import db
from tests.faults.locks import held
from tests.final_app.rig import Person, Server
from tests.waiting import wait_until

ASKED = 50  # times
AT_MOST = 1.0  # writes a second, and seconds that an answer may take
LATE = 1.5  # seconds beyond the patience that an answer may take on a busy machine
MESSAGES, TEXT = 20, "word " * 790  # more than the pages that are left have room for


@pytest.fixture
def commits(two_people: Flask) -> list[object]:
    """The commits of the chat in this process from now on."""
    seen: list[object] = []
    event.listen(db.engine, "commit", seen.append)
    return seen


def reason(ask: Callable[[], dict]) -> str:
    """Ask, at most once a second, until the chat is not ready. Return the reason."""
    answer: dict = {"ok": True}  # the last answer may hold for a second more
    while answer["ok"]:
        began = time.monotonic()
        answer = ask()
        assert time.monotonic() - began < AT_MOST + LATE
    assert answer["error"]["code"] == "not_ready"
    return str(answer["error"]["message"])


def test_many_questions_make_one_write_a_second(two_people: Flask, commits: list[object]) -> None:
    client = two_people.test_client()
    began = time.monotonic()
    assert {client.get("/readyz").status_code for _ in range(ASKED)} == {200}
    seconds = time.monotonic() - began
    assert 1 <= len(commits) <= 1 + seconds * AT_MOST
    wait_until(lambda: client.get("/readyz").status_code == 200 and len(commits) > 1)


def test_it_writes_to_the_disk_and_changes_nothing(two_people: Flask, tmp_path: Path) -> None:
    log = tmp_path / "chat.db-wal"
    before, state = log.stat().st_mtime_ns, db.session.execute(_VERSION).all()
    assert two_people.test_client().get("/readyz").json == {"ok": True}
    assert log.stat().st_mtime_ns > before
    assert db.session.execute(_VERSION).all() == state


def test_a_stuck_writer_is_named_within_a_second(two_people: Flask, tmp_path: Path) -> None:
    client, done = two_people.test_client(), threading.Event()
    with held(Server(tmp_path)):  # which is over when the writer gets stuck
        assert client.get("/readyz").json["error"]["message"] == readiness.HELD
    wait_until(lambda: client.get("/readyz").status_code == 200)

    def stuck() -> None:
        with two_people.app_context(), database.current().write(1.0, alone=False):
            done.wait(10)

    writer = threading.Thread(target=stuck)
    writer.start()
    wait_until(two_people.extensions["database"]._one_at_a_time.locked)
    assert reason(lambda: client.get("/readyz").json) == readiness.STUCK
    done.set()
    writer.join()
    wait_until(lambda: client.get("/readyz").status_code == 200)


def test_while_an_attempt_gets_no_answer_the_last_result_does_not_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PostgreSQL may answer nothing, for example because the network has failed."""
    monkeypatch.setattr(readiness, "EVERY", 0)
    attempts, done = [], threading.Event()

    def attempt(patience: float) -> None:
        attempts.append(patience)
        if len(attempts) == 2:
            done.wait(60)

    ready = readiness.Readiness(attempt)
    assert ready.problem() == ""
    waits = threading.Thread(target=ready.problem)
    waits.start()
    wait_until(lambda: len(attempts) == 2)
    assert ready.problem() == readiness.STUCK
    done.set()
    waits.join()
    assert ready.problem() == ""


def test_a_held_database_is_named_while_a_writer_waits_and_the_chat_is_alive(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path).start()
    ada = Person(server, "ada").begin()
    ada.connect()
    with held(server):
        for _ in range(2):  # alone, and behind a message that waits
            time.sleep(readiness.EVERY)  # after which the last answer holds no more
            assert reason(lambda: ada.get("/readyz").json()) == readiness.HELD
            assert ada.get("/healthz").ok
            assert ada.socket
            ada.socket.emit("mark_read", {"room": 1, "seq": 0})
    wait_until(lambda: ada.get("/readyz").status_code == 200)
    ada.leave()
    server.stop()


@pytest.mark.parametrize(
    ("pragma", "problem", "told"),
    [
        ("max_page_count = {}", DiskFull, "The server's disk is full. Nothing was saved"),
        ("query_only = 1", Unwritable, "The chat can't use its database's file. Nothing was saved"),
    ],
)
def test_a_database_that_takes_no_more_is_an_error_of_its_own(
    two_people: Flask, pragma: str, problem: type[Unavailable], told: str
) -> None:
    """`tests/faults/test_full_disk.py` fills a real disk, if this is allowed."""
    (pages,) = db.session.execute(db.text("PRAGMA page_count")).one()
    db.session.rollback()
    listener = _with(pragma.format(pages + 1))
    _close_writer(two_people)  # the next write opens another one
    event.listen(db.engine, "checkout", listener)
    try:
        with pytest.raises(problem, match=f"^{told}"):
            for _ in range(MESSAGES):
                say()
        assert accounts.exist()  # reads go on
        if problem is Unwritable:
            assert two_people.extensions["readiness"].problem().startswith(told)
    finally:
        event.remove(db.engine, "checkout", listener)
        _close_writer(two_people)
        db.engine.dispose()
    say()


def _close_writer(app: Flask) -> None:
    kept = app.extensions["database"]
    kept._writer.close()
    kept._writer = None


def say() -> None:
    messages.post(1, 1, str(uuid.uuid4()), TEXT)


def test_a_background_task_waits_for_the_disk_without_a_traceback(
    two_people: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Enough(Exception):
        pass

    rounds = iter([None, None, Enough()])

    def work() -> None:
        raise DiskFull("The disk is full.") from OSError("no space,\nreally")

    def pause(_: float) -> None:
        if problem := next(rounds):
            raise problem

    monkeypatch.setattr(startup.clock, "pause", pause)
    with pytest.raises(Enough):
        startup._repeat(two_people, 1.0, work)
    (line,) = caplog.records
    assert (
        line.getMessage() == "A background task has to wait. The disk is full. (no space, really)"
    )
    assert line.exc_info is None


def _with(pragma: str) -> Callable[..., None]:
    def prepare(connection: object, *_: object) -> None:
        connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]

    return prepare


_VERSION = db.text("SELECT version_num FROM alembic_version")
