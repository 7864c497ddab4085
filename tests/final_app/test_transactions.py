"""Compiled statements and the ORM's session share one transaction. A message needs no session."""

import os
import socket
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, bindparam, event, select, update

from final_app.accounts import accounts, sessions
from final_app.chat import history, memberships, messages, reactions, uploads
from final_app.errors import DiskFull, Forbidden, Invalid, NotFound, Unauthorized
from final_app.facts import RoomChanged
from final_app.lib import clock
from final_app.lib.logs import Seldom
from final_app.storage import faults, outbox, postgresql
from final_app.storage.files import Kept
from final_app.storage.models import Membership, Room, Session, Upload, User, db, table
from final_app.storage.postgresql import Gone
from final_app.storage.statements import Statement
from final_app.storage.transaction import exclusive_transaction, execute, record, transaction
from tests.final_app import databases
from tests.final_app.rig import PASSWORD, application
from tests.waiting import wait_until
from workshop import cluster as clusters

ADA, BO, GENERAL = 1, 2, 1
_users, _rooms = table(User), table(Room)
NAME_OF = Statement(select(_users.c.name).where(_users.c.id == bindparam("user")))
RENAME = Statement(
    update(_users).where(_users.c.id == bindparam("user")).values(name=bindparam("to"))
)
# The error that PostgreSQL reports if it cannot extend a file.
FULL_DISK = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON messages EXECUTE FUNCTION refuse();
"""


def name_of(user_id: int) -> str:
    """Return a name as another database connection sees it."""
    with db.engine.connect() as connection:
        found: str = connection.execute(
            select(_users.c.name).where(_users.c.id == user_id)
        ).scalar_one()
    return found


def post(text: str, author_id: int = ADA, **more: object) -> messages.Posted:
    return messages.post(author_id, GENERAL, str(uuid.uuid4()), text, **more)  # type: ignore[arg-type]


# ---- one transaction


def test_both_ways_of_writing_are_one_commit(two_people: Flask) -> None:
    @transaction
    def rename() -> None:
        execute(RENAME, user=ADA, to="Augusta")
        db.session.get_one(User, BO).name = "Boris"
        assert (name_of(ADA), name_of(BO)) == ("ada", "bo"), "nothing is committed yet"

    rename()
    assert (name_of(ADA), name_of(BO)) == ("Augusta", "Boris")


def test_both_ways_of_writing_are_rolled_back_and_nothing_is_told(
    two_people: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    monkeypatch.setattr(outbox.current(), "_listener", told.append)

    @transaction
    def rename(fail: bool) -> None:
        execute(RENAME, user=ADA, to="Augusta")
        db.session.get_one(User, BO).name = "Boris"
        record(RoomChanged(GENERAL))
        if fail:
            raise Forbidden("No.")

    with pytest.raises(Forbidden):
        rename(True)
    assert (name_of(ADA), name_of(BO)) == ("ada", "bo")
    assert db.session.get_one(User, BO).name == "bo" and told == []
    rename(False)
    assert (name_of(ADA), name_of(BO)) == ("Augusta", "Boris") and told == [RoomChanged(GENERAL)]


def test_a_statement_sees_what_the_session_has_not_written_yet(two_people: Flask) -> None:
    @transaction
    def rename() -> str:
        db.session.get_one(User, BO).name = "Boris"
        (row,) = execute(NAME_OF, user=BO)
        return str(row.name)

    assert rename() == "Boris"


def test_a_function_inside_a_transaction_joins_it(two_people: Flask) -> None:
    @transaction
    def outer() -> None:
        post("Never said")
        raise Forbidden("No.")

    with pytest.raises(Forbidden):
        outer()
    assert history.page(ADA, GENERAL)["messages"] == []
    assert post("Said").message["seq"] == 1, "a number was lost"


def test_in_a_group_a_refused_message_costs_nobody_a_number_and_nothing_is_told_twice(
    two_people: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first message is held while the others come, so they form a group."""
    told: list[Any] = []
    monkeypatch.setattr(outbox.current(), "_listener", told.append)
    claim, begun, go_on = uploads.claim, threading.Event(), threading.Event()

    def claim_slowly(*args: Any) -> list[Upload]:
        if not begun.is_set():
            begun.set()
            assert go_on.wait(10)
        return claim(*args)

    def say(text: str) -> messages.Posted:
        with two_people.app_context():
            return post(text)

    monkeypatch.setattr(uploads, "claim", claim_slowly)
    with ThreadPoolExecutor() as pool:
        sent = [pool.submit(say, "first")]
        assert begun.wait(10)
        for place, text in enumerate(["second", " ", "third"], 1):
            sent.append(pool.submit(say, text))
            while len(two_people.extensions["groups"]._waiting[GENERAL]) < place:
                time.sleep(0.001)
        go_on.set()
        first, second, blank, third = sent
        with pytest.raises(Invalid, match="needs some text"):
            blank.result(10)
        found = [each.result(10).message["seq"] for each in (first, second, third)]
    assert found == [1, 2, 3]
    assert [fact.message["text"] for fact in told] == ["first", "second", "third"]


def test_only_a_database_that_others_hold_is_busy(tmp_path: Path) -> None:
    """This depends on the code of the error. Its text is for people, and may contain any name."""
    with closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as first:
        first.execute("CREATE TABLE numbers (a)")
        first.execute("BEGIN IMMEDIATE")
        with closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as second:
            for statement, busy in (("BEGIN IMMEDIATE", True), ("SELECT * FROM locked", False)):
                with pytest.raises(sqlite3.OperationalError) as caught:
                    second.execute(statement)
                assert "locked" in str(caught.value)
                assert faults.means_busy(caught.value) == busy


def test_a_value_that_is_missing_is_an_error(two_people: Flask) -> None:
    with pytest.raises(KeyError, match="user"):
        execute(NAME_OF)


def test_times_go_in_and_come_out_as_times(two_people: Flask) -> None:
    token = sessions.create(BO, "test", "127.0.0.1")
    by_orm = db.session.scalar(select(Session.seen_at).where(Session.user_id == BO))
    db.session.remove()
    found = sessions.find(token)
    assert found is not None and isinstance(found.seen_at, datetime)
    assert found.seen_at == by_orm and found == sessions.get(found.session_id)
    assert abs((clock.now() - found.seen_at).total_seconds()) < 60


def test_a_session_that_reads_between_the_two_commits_does_not_stop_later_writes(
    two_people: Flask,
) -> None:
    seen = []

    def read(session: Any, ended: Any) -> None:
        if ended.parent is None and not seen:
            seen.append(session.scalar(select(Room.name)))

    @transaction
    def rename() -> None:
        db.session.get_one(User, BO).name = "Boris"
        event.listen(db.session, "after_transaction_end", read)

    try:
        rename()
    finally:
        event.remove(db.session, "after_transaction_end", read)
    assert seen == ["general"] and name_of(BO) == "Boris"
    db.session.scalar(select(Room.name))  # the session still has the connection that writes
    with two_people.app_context():  # of another request
        assert post("Hello").message["seq"] == 1


# ---- others are faster


def is_locked_out() -> bool:
    """Return whether a transaction in PostgreSQL waits for another one."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with db.engine.connect() as another:
        return another.execute(db.text(waiting)).scalar_one() > 0


def test_a_member_who_is_removed_meanwhile_is_told_so(tmp_path: Path) -> None:
    """With PostgreSQL, transactions run at the same time."""
    app = application(tmp_path, CHAT_DATABASE_URL=databases.cluster().url())
    removed = []

    def remove(session: Any, *_: object) -> None:
        if session.dirty and not removed:
            with db.engine.begin() as faster:
                theirs = table(Membership).delete().where(table(Membership).c.user_id == ADA)
                removed.append(faster.execute(theirs).rowcount)

    with app.app_context():
        assert accounts.bootstrap("ada", PASSWORD) == ADA
        memberships.set_notify(ADA, GENERAL, "mentions")
        event.listen(db.session, "before_flush", remove)
        try:
            with pytest.raises(NotFound):
                memberships.set_notify(ADA, GENERAL, "none")
        finally:
            event.remove(db.session, "before_flush", remove)
    assert removed == [1]


@pytest.mark.parametrize("event", ["deleted", "archived"])
@pytest.mark.parametrize("act", ["reply", "react"])
def test_what_another_transaction_deletes_is_not_quoted_and_what_it_archives_stays(
    tmp_path: Path, act: str, event: str
) -> None:
    """The other transaction holds the room, as it does while it gives a change its number."""
    app = application(tmp_path, CHAT_DATABASE_URL=databases.cluster().url())

    def run() -> Any:
        with app.app_context():
            if act == "react":
                return reactions.react(ADA, 2, "👍", True)
            return post("Another reply", reply_to=1).message

    with app.app_context(), ThreadPoolExecutor(1) as pool:
        assert accounts.bootstrap("ada", PASSWORD) == ADA
        assert post("secret").message["id"] == 1
        assert post("Reply", reply_to=1).message["reply_to"]["text"] == "secret"
        with db.engine.begin() as faster:
            faster.execute(db.text("UPDATE rooms SET last_rev = last_rev + 1"))
            if event == "deleted":
                faster.execute(
                    db.text("UPDATE messages SET deleted_at = now(), html = '' WHERE id = 1")
                )
            else:
                faster.execute(db.text("UPDATE rooms SET archived_at = now()"))
            acting = pool.submit(run)
            wait_until(lambda: acting.done() or is_locked_out())
            assert not acting.done()
        if event == "archived":
            with pytest.raises(Forbidden):
                acting.result()
        else:
            assert acting.result()["reply_to"].get("deleted"), "a deleted text is told again"


def test_of_two_tabs_that_mark_a_room_as_read_the_later_one_counts(tmp_path: Path) -> None:
    """The later one read the old mark, which is the one that it stores."""
    app = application(tmp_path, CHAT_DATABASE_URL=databases.cluster().url())

    def mark() -> None:
        with app.app_context():
            memberships.mark_read(ADA, GENERAL, 0)

    with app.app_context(), ThreadPoolExecutor(1) as pool:
        assert accounts.bootstrap("ada", PASSWORD) == ADA
        assert post("Hello").message["seq"] == 1
        with db.engine.begin() as faster:
            faster.execute(db.text("UPDATE memberships SET last_read_seq = 1"))
            later = pool.submit(mark)
            wait_until(lambda: later.done() or is_locked_out())
        later.result()
        assert memberships.one(ADA, GENERAL)["last_read_seq"] == 0


ANOTHER_SESSION = """
INSERT INTO sessions (user_id, token_hash, user_agent, address, created_at, seen_at)
VALUES (:user, 'another', '', '', now(), now())
"""


def test_of_two_new_tokens_of_a_bot_only_the_later_one_works(tmp_path: Path) -> None:
    """The later command waits for the earlier one, and then ends the session with its token."""
    app = application(tmp_path, CHAT_DATABASE_URL=databases.cluster().url())

    def renew(bot: int) -> str:
        with app.app_context():
            return sessions.renew_token(bot)

    with app.app_context(), ThreadPoolExecutor(1) as pool:
        bot, _ = accounts.create_bot("robo")
        with db.engine.begin() as faster:
            faster.execute(db.text("SELECT id FROM users FOR NO KEY UPDATE"))
            faster.execute(db.text("DELETE FROM sessions"))
            faster.execute(db.text(ANOTHER_SESSION), {"user": bot})
            later = pool.submit(renew, bot)
            wait_until(lambda: later.done() or is_locked_out())
        found = sessions.find(later.result())
        assert found and [each["id"] for each in sessions.list_of(found)] == [found.session_id]


def test_a_file_whose_commit_was_not_answered_is_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction runs again. If it failed, the file would be removed, but its row would stay."""
    app = application(tmp_path, CHAT_DATABASE_URL=databases.cluster().url())
    commit, lost = Connection.commit, []

    def lose_the_first_answer(connection: Connection) -> None:
        commit(connection)
        if not lost:
            lost.append(True)
            raise Gone("The line broke.")

    with app.app_context():
        assert accounts.bootstrap("ada", PASSWORD) == ADA
        monkeypatch.setattr(Connection, "commit", lose_the_first_answer)
        added = uploads.add(ADA, GENERAL, "a.txt", Kept(uuid.uuid4().hex, "text/plain", 1))
        assert lost and uploads.known([added["id"]]) == {added["id"]}


@pytest.mark.parametrize("fate", ["stored", "lost", "lost in a crash", pytest.param(
    "unnoticed", marks=pytest.mark.skipif(os.name != "posix", reason="On Windows, sockets aren't files")
)])  # fmt: skip
def test_a_ban_whose_commit_was_not_answered_is_made_once_and_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fate: str
) -> None:
    """If it was stored and were made again, there would be nobody to ban, and the ban would fail.

    After a crash, PostgreSQL gives the id of the lost transaction to another one. If only this side has
    lost the connection, PostgreSQL still waits for the commit, and nobody else can change an account.
    """
    close_idle_transactions_after_1_s(monkeypatch)
    app = application(tmp_path, CHAT_DATABASE_URL=databases.cluster().url())
    commit, lost, held = Connection.commit, [], list[socket.socket]()

    def lose_the_first_answer(connection: Connection) -> None:
        if lost or fate == "stored":
            commit(connection)
        if not lost:
            lost.append(True)
            if fate == "unnoticed":
                held.append(taken(connection.connection.driver_connection))
            connection.invalidate()
            if fate == "lost in a crash":
                databases.cluster().stop("immediate")
                databases.cluster().start()
                with databases.cluster().admin() as other:
                    other.execute("SELECT pg_current_xact_id()")
            raise Gone("The line broke.")

    with app.app_context():
        assert accounts.bootstrap("ada", PASSWORD) == ADA
        bo = accounts.create("bo", PASSWORD)
        with databases.cluster().admin() as other:
            other.execute("CHECKPOINT")  # the server of the tests does not store commits at once
        monkeypatch.setattr(Connection, "commit", lose_the_first_answer)
        accounts.ban(ADA, bo)
        assert lost and db.session.get_one(User, bo).status == "banned"
    assert len(held) == (fate == "unnoticed")


@pytest.mark.parametrize("kind", [transaction, exclusive_transaction])
def test_a_change_during_which_the_process_was_paused_is_made_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: Callable[[Callable[[], None]], Callable[[], None]],
) -> None:
    """PostgreSQL has closed the connection in the meantime, so that nobody else has to wait."""
    close_idle_transactions_after_1_s(monkeypatch)
    app = application(tmp_path, CHAT_DATABASE_URL=databases.cluster().url())
    tries = []

    @kind
    def rename() -> None:
        execute(RENAME, user=ADA, to="Augusta")
        tries.append(True)
        if len(tries) == 1:
            time.sleep(2)
        db.session.get_one(User, ADA).name += " King"

    with app.app_context():
        assert accounts.bootstrap("ada", PASSWORD) == ADA
        rename()
        assert len(tries) > 1 and name_of(ADA) == "Augusta King"


@pytest.mark.skipif(sys.platform != "linux", reason="Other systems have other options")
def test_each_side_of_a_connection_notices_within_15_s_that_the_other_is_gone(
    tmp_path: Path,
) -> None:
    """Otherwise, a message could wait for a quarter of an hour, and so could everybody in its room."""
    with clusters.running(by_socket=False) as cluster:
        app = application(tmp_path, CHAT_DATABASE_URL=cluster.url())
        with app.app_context(), db.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            with socket.socket(fileno=os.dup(driver.pgconn.socket)) as line:
                assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000
                options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
                here = [line.getsockopt(socket.IPPROTO_TCP, each) for each in options]
            there = [
                int(connection.exec_driver_sql(f"SHOW tcp_{name}").scalar_one())
                for name in ("keepalives_idle", "keepalives_interval", "keepalives_count")
            ]
            # Without this, keepalives do not help if PostgreSQL was sending something.
            assert connection.exec_driver_sql("SHOW tcp_user_timeout").scalar_one() == "15000"
    for idle, interval, count in (here, there):
        assert idle + interval * count <= 15


def close_idle_transactions_after_1_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set this before the chat connects to its database."""
    options = postgresql.CONNECTION["options"].replace("timeout=5s", "timeout=1s")
    monkeypatch.setitem(postgresql.CONNECTION, "options", options)


def taken(driver: Any) -> socket.socket:
    """Take the driver's socket, so that PostgreSQL does not notice when the driver closes it."""
    kept = socket.socket(fileno=os.dup(driver.pgconn.socket))
    with socket.socket() as other:
        os.dup2(other.fileno(), driver.pgconn.socket)
    return kept


def test_a_full_disk_of_postgresql_is_explained_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        faults, "_full", Seldom(faults.log)
    )  # another test may have logged the same
    app = application(tmp_path, CHAT_DATABASE_URL=databases.cluster().url())
    with app.app_context():
        assert accounts.bootstrap("ada", PASSWORD) == ADA
        with db.engine.begin() as connection:
            connection.execute(db.text(FULL_DISK))
        for _ in range(2):
            with pytest.raises(DiskFull, match=r"The server's disk is full\. Nothing was saved"):
                post("Is there space?")
    (line,) = [record.getMessage() for record in caplog.records if "disk" in record.getMessage()]
    assert "until there is space in PostgreSQL's data folder" in line


def test_a_file_that_is_taken_back_twice_at_once_is_gone_for_the_second_one(tmp_path: Path) -> None:
    app = application(tmp_path, CHAT_DATABASE_URL=databases.cluster().url())
    kept = Kept(uuid.uuid4().hex, "text/plain", 1)

    def take_back() -> None:
        with app.app_context():
            uploads.take_back(ADA, kept.id)

    with app.app_context(), ThreadPoolExecutor(1) as pool:
        assert accounts.bootstrap("ada", PASSWORD) == ADA
        uploads.add(ADA, GENERAL, "a.txt", kept)
        with db.engine.begin() as faster:
            faster.execute(db.text("DELETE FROM uploads"))
            second = pool.submit(take_back)
            wait_until(lambda: second.done() or is_locked_out())
            assert not second.done()
        with pytest.raises(NotFound):
            second.result()


def test_a_session_that_ends_while_it_is_used_is_no_error(two_people: Flask) -> None:
    identity = sessions.find(sessions.create(ADA, "test", ""))
    assert identity
    long_ago = replace(identity, seen_at=identity.seen_at - timedelta(hours=1))
    assert sessions.touch(long_ago)
    sessions.end(identity, identity.session_id, "ended")
    assert sessions.touch(long_ago)
    assert sessions.get(identity.session_id) is None


# ---- what a message needs


def test_a_new_message_is_told_as_it_is_read_later(two_people: Flask) -> None:
    first = post("Hello *you*, @bo and @nobody").message
    second = post("Yes", author_id=BO, reply_to=first["id"]).message
    assert first["mentions"] == [BO] and second["reply_to"]["id"] == first["id"]
    assert history.page(ADA, GENERAL)["messages"] == [first, second]


def test_a_plain_message_needs_no_session_of_the_orm_and_five_statements(two_people: Flask) -> None:
    post("The first one opens the connection")
    db.session.remove()
    seen: list[str] = []
    driver = two_people.extensions["database"]._writer.connection.driver_connection
    driver.set_trace_callback(seen.append)
    post("Hello")
    driver.set_trace_callback(None)
    assert not db.session.registry.has()
    # The trigger for the search makes SQLite name the INSERT again.
    kinds = dict.fromkeys(each.split()[0] for each in seen if not each.startswith("--"))
    assert list(kinds) == ["BEGIN", "SELECT", "UPDATE", "INSERT", "COMMIT"]


def test_an_author_that_does_not_exist_is_refused(two_people: Flask) -> None:
    with pytest.raises(NotFound):
        post("Hello", author_id=99)


def test_with_postgresql_a_login_waits_for_a_change_of_the_password(tmp_path: Path) -> None:
    app = application(tmp_path, CHAT_DATABASE_URL=databases.cluster().url())

    def log_in() -> str:
        with app.app_context():
            return sessions.create(ADA, "test", "127.0.0.1", verified=verified)

    with app.app_context(), ThreadPoolExecutor(1) as pool:
        accounts.bootstrap("ada", PASSWORD)
        _, verified = sessions.authenticate("ada", PASSWORD)
        with db.engine.begin() as connection:
            changed = update(_users).where(_users.c.id == ADA).values(password_hash="another")
            connection.execute(changed)
            login = pool.submit(log_in)
            wait_until(lambda: login.done() or is_locked_out())
            assert not login.done()
        with pytest.raises(Unauthorized):
            login.result()
