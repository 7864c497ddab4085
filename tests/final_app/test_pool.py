"""When all connections to the database are in use, requests are refused, but nothing is lost."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from final_app.accounts import accounts, invites, passwords
from final_app.errors import Busy
from final_app.facts import RoomChanged
from final_app.lib import thread_pool
from final_app.storage import outbox
from final_app.storage.models import db
from final_app.storage.notifications import Notifications, encoded
from final_app.storage.transaction import release_connection, transaction
from tests.final_app import databases
from tests.final_app.rig import PASSWORD, application
from workshop.cluster import Cluster


def exhausted(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """Yield the chat in this process, in its app context, with all its connections in use."""
    with app.app_context(), ExitStack() as held:
        monkeypatch.setattr(db.engine.pool, "_timeout", 0.01)  # seconds; no others wait here
        with pytest.raises(Busy):
            while True:
                held.enter_context(db.engine.connect())
        yield app


@pytest.fixture(params=["sqlite", "postgresql"])
def busy(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flask]:
    with databases.chosen(request.param):
        app = application(tmp_path, CHAT_DATABASE_URL=databases.new_url())
    yield from exhausted(app, monkeypatch)


@pytest.fixture
def busy_postgresql(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flask]:
    yield from exhausted(application(tmp_path, CHAT_DATABASE_URL=cluster.url()), monkeypatch)


def test_a_request_that_gets_no_connection_is_refused_as_busy(busy: Flask) -> None:
    """The session's error is the same as that of a statement without a session."""
    answer = busy.test_client().get("/", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "busy")
    with pytest.raises(Busy, match="Nothing was saved; try again"):
        accounts.exist()


def test_the_sign_of_life_needs_no_connection_of_the_pool(busy_postgresql: Flask) -> None:
    """Otherwise, a process with much work would look dead, and would close all its sockets."""
    assert outbox.current().online_elsewhere({1}) == set()


def test_a_fact_waits_for_a_connection(busy_postgresql: Flask) -> None:
    """If it were lost, the process would have to close all its sockets."""
    tries = []

    def listener(fact: object) -> None:
        tries.append(fact)
        if len(tries) < 3:
            accounts.exist()

    url = busy_postgresql.config["CHAT"].database
    Notifications(url, listener, lost=lambda: None)._deliver(encoded(RoomChanged(1)))
    assert tries == [RoomChanged(1)] * 3


def test_slow_work_is_no_part_of_a_transaction(two_people: Flask) -> None:
    accounts.exist()
    assert db.engine.pool.checkedout() == 2  # one of them writes, and the pool always lends it
    release_connection()
    assert db.engine.pool.checkedout() == 1
    with pytest.raises(RuntimeError, match="must not do slow work"):
        transaction(release_connection)()


def test_nobody_holds_a_connection_while_a_password_is_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = application(tmp_path)
    app.config["WTF_CSRF_ENABLED"] = False
    held: list[int] = []

    def hash_in_thread(work: Callable[..., Any], *words: str) -> Any:
        held.append(db.engine.pool.checkedout())
        return thread_pool.run_in_thread(work, *words)

    monkeypatch.setattr(passwords, "run_in_thread", hash_in_thread)
    ada, bo = app.test_client(), app.test_client()
    words = {"username": "ada", "password": PASSWORD}
    assert ada.post("/first-run", data=words).status_code == 302
    with app.app_context():
        code = invites.create(1)["code"]
    words = {"username": "bo", "password": PASSWORD, "invite": code}
    assert bo.post("/register", data=words).status_code == 302
    changed = bo.post("/account/password", data={"current": PASSWORD, "password": PASSWORD})
    assert changed.location.endswith("saved=password")
    assert app.test_client().post("/login", data=words).status_code == 302
    # The first three also log in or ask for the old password. One connection writes, and after that,
    # the pool always lends it.
    assert len(held) == 7 and max(held) == 1
