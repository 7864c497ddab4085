"""A change announces itself: whoever makes it, every page gets the event after the commit, in order."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from final_app import facts
from final_app.accounts import accounts
from final_app.chat import messages, rooms
from final_app.errors import Conflict
from final_app.facts import Fact, MessagePosted, PersonChanged, RoomChanged
from final_app.realtime import broadcast
from final_app.storage import outbox
from final_app.storage.models import OutboxEntry, db
from final_app.storage.transaction import record, remove_files, transaction
from tests.final_app.conftest import People
from tests.final_app.rig import PASSWORD, Person, Server, application

CLIENT_IDS = [f"00000000-0000-4000-8000-{number:012d}" for number in range(20)]


# ---- three changes that once reached no page


def test_the_heir_of_a_banned_owner_hears_of_it(
    people: People, newcomer: Callable[[str], Person]
) -> None:
    ada, owner, heir = people["ada"], newcomer("dot"), newcomer("eli")
    club = owner.ask("POST", "/rooms", {"name": "Inheritance", "kind": "closed"})["room"]["id"]
    owner.ask("PUT", f"/rooms/{club}/members/{heir.id}")
    heir.told()
    assert ada.ask("POST", f"/api/people/{owner.id}/ban")["ok"]
    (told,) = [data["room"] for data in heir.told("room_changed") if data["room"]["id"] == club]
    assert (told["role"], told["can_moderate"]) == ("owner", True)


def test_an_open_tab_hears_the_rooms_that_its_owner_joins_again(
    people: People, newcomer: Callable[[str], Person]
) -> None:
    ada, fay = people["ada"], newcomer("fay")
    fay.ask("DELETE", f"/rooms/1/members/{fay.id}")
    fay.told()
    ada.told()
    assert fay.get("/").url.endswith("/r/general")
    assert [data["room"]["id"] for data in fay.told("room_changed")] == [1]
    assert [data["room"]["id"] for data in ada.told("room_changed")] == [1], "and so do the others"
    ada.say(1, "Welcome back, Fay")
    assert fay.hear("new_message")["text"] == "Welcome back, Fay"


@pytest.mark.parametrize(
    ("command", "event", "seen"),
    [
        (["rooms", "rename", "general", "Agora"], "room_changed",
         lambda data: data["room"]["name"] == "Agora"),
        (["rooms", "rename", "general", "general"], "room_changed",
         lambda data: data["room"]["name"] == "general"),
        (["users", "promote", "cy"], "person_changed",
         lambda data: data["person"] == {**data["person"], "username": "cy", "role": "admin"}),
        (["users", "demote", "cy"], "person_changed",
         lambda data: data["person"] == {**data["person"], "username": "cy", "role": "member"}),
        (["users", "create", "gil"], "person_changed",
         lambda data: data["person"]["username"] == "gil"),
        (["users", "ban", "gil"], "person_gone", lambda data: data["user_id"] > 0),
        (["users", "unban", "gil"], "person_changed",
         lambda data: data["person"]["username"] == "gil"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)  # fmt: skip
def test_a_command_reaches_open_pages(
    people: People, server: Server, command: list[str], event: str, seen: Callable[..., bool]
) -> None:
    bo = people["bo"]
    bo.heard()
    told = server.run(*command)
    assert told.returncode == 0, told
    while not seen(bo.hear(event)):
        pass  # `hear` gives up after ANSWER_TIMEOUT


def test_a_new_administrator_can_moderate_at_once(people: People, server: Server) -> None:
    """Other changes to the room, such as those of the previous test, may arrive first."""
    cy = people["cy"]
    for verb, can_moderate in (("promote", True), ("demote", False)):
        cy.heard()
        server.run("users", verb, "cy")
        while cy.hear("room_changed")["room"]["can_moderate"] is not can_moderate:
            pass  # `hear` gives up after ANSWER_TIMEOUT


# ---- how facts travel, inside one process


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return application(tmp_path)


@pytest.fixture
def told(app: Flask) -> list[Fact]:
    """The facts that are announced from now on, in order."""
    heard: list[Fact] = []
    app.extensions["outbox"]._listener = heard.append
    return heard


def test_a_transaction_that_is_rolled_back_announces_nothing(app: Flask, told: list[Fact]) -> None:
    @transaction
    def changes_its_mind() -> None:
        record(PersonChanged(1))
        raise Conflict("No.")

    with app.app_context():
        with pytest.raises(Conflict):
            changes_its_mind()
        assert told == []
        accounts.bootstrap("ada", PASSWORD)
        assert PersonChanged(1, rev=1) in told, "the twin: what is committed is told"


def test_nothing_is_told_before_the_commit(app: Flask, told: list[Fact]) -> None:
    seen: list[list[Fact]] = []

    @transaction
    def outer() -> None:
        inner()
        seen.append(list(told))

    @transaction
    def inner() -> None:
        record(PersonChanged(1))
        record(RoomChanged(1))

    with app.app_context():
        outer()
    assert seen == [[]]
    assert told == [PersonChanged(1), RoomChanged(1)], "in the order in which they were recorded"


def test_two_transactions_are_told_in_the_order_of_their_commits(
    app: Flask, told: list[Fact]
) -> None:
    with app.app_context():
        ada = accounts.bootstrap("ada", PASSWORD)

    def post(client_ids: list[str]) -> None:
        with app.app_context():
            for client_id in client_ids:
                messages.post(ada, 1, client_id, "Hello")

    threads = [
        threading.Thread(target=post, args=[CLIENT_IDS[start::4]], daemon=True)
        for start in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    seqs = [fact.message["seq"] for fact in told if isinstance(fact, MessagePosted)]
    assert seqs == list(range(1, len(CLIENT_IDS) + 1))


def test_a_fact_is_told_before_the_change_is_answered(app: Flask, told: list[Fact]) -> None:
    with app.app_context():
        ada = accounts.bootstrap("ada", PASSWORD)
        posted = messages.post(ada, 1, CLIENT_IDS[0], "Hello").message
        assert told[-1] == MessagePosted(posted)
        messages.post(ada, 1, CLIENT_IDS[0], "Hello")
        assert told.count(MessagePosted(posted)) == 1, "a repeated send is no news"


def test_a_listener_that_fails_stops_neither_the_change_nor_the_next_fact(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Fact] = []

    def act(fact: Fact) -> None:
        if isinstance(fact, MessagePosted):
            raise OSError("the line is down")
        heard.append(fact)

    app.extensions["outbox"]._listener = act
    with app.app_context():
        ada = accounts.bootstrap("ada", PASSWORD)
        assert messages.post(ada, 1, CLIENT_IDS[0], "Hello").message["seq"] == 1
        rooms.rename(ada, 1, "Agora")
    assert RoomChanged(1) in heard
    assert "the line is down" in caplog.text


def test_what_telling_a_fact_leads_to_is_told_after_it(app: Flask) -> None:
    heard: list[Fact] = []

    @transaction
    def closes_a_socket() -> None:
        record(PersonChanged(2))

    def act(fact: Fact) -> None:
        heard.append(fact)
        if fact == PersonChanged(1):
            closes_a_socket()
            assert heard == [PersonChanged(1)], "not in the middle of another one"

    app.extensions["outbox"]._listener = act
    with app.app_context():
        _records(PersonChanged(1), RoomChanged(1))
    assert heard == [PersonChanged(1), RoomChanged(1), PersonChanged(2)]


def test_a_fact_outside_a_transaction_is_refused(app: Flask) -> None:
    with app.app_context(), pytest.raises(RuntimeError, match="@transaction"):
        record(PersonChanged(1))


# ---- the outbox of commands


@contextmanager
def without_sockets(app: Flask) -> Iterator[None]:
    app.extensions["outbox"].has_sockets = False
    yield
    app.extensions["outbox"].has_sockets = True


def test_a_command_stores_its_facts_and_a_server_reads_them_once(
    app: Flask, told: list[Fact]
) -> None:
    with app.app_context():
        with without_sockets(app):
            _records(PersonChanged(1), RoomChanged(2))
        assert told == []
        outbox.current().receive()
        assert told == [PersonChanged(1), RoomChanged(2)]
        outbox.current().receive()
        assert len(told) == 2


@pytest.mark.parametrize("is_command", [False, True])
def test_files_are_removed_after_the_commit_and_never_without_it(
    app: Flask, is_command: bool
) -> None:
    upload_id, seen = uuid.uuid4().hex, []

    @transaction
    def drop(fail: bool) -> None:
        remove_files([upload_id])
        seen.append(path.exists())
        if fail:
            raise Conflict("No.")

    with app.app_context(), without_sockets(app) if is_command else nullcontext():
        path = app.extensions["files"].path(upload_id)
        path.parent.mkdir(parents=True)
        path.touch()
        with pytest.raises(Conflict):
            drop(True)
        assert path.exists()
        drop(False)
        assert seen == [True, True] and not path.exists()


def test_a_file_that_cannot_be_removed_does_not_undo_what_is_stored(
    app: Flask, told: list[Fact], caplog: pytest.LogCaptureFixture
) -> None:
    upload_id = uuid.uuid4().hex

    @transaction
    def drop() -> None:
        remove_files([upload_id])
        record(RoomChanged(1))

    with app.app_context():
        app.extensions["files"].path(upload_id).mkdir(parents=True)
        drop()
    assert told == [RoomChanged(1)]
    assert "Failed to remove a file" in caplog.text


def test_a_servers_own_facts_take_no_row(app: Flask, told: list[Fact]) -> None:
    with app.app_context():
        accounts.bootstrap("ada", PASSWORD)
        assert told != [] and db.session.query(OutboxEntry).count() == 0


def test_a_command_that_is_rolled_back_leaves_no_row(app: Flask) -> None:
    @transaction
    def changes_its_mind() -> None:
        record(PersonChanged(1))
        raise Conflict("No.")

    with app.app_context(), without_sockets(app):
        with pytest.raises(Conflict):
            changes_its_mind()
        assert db.session.query(OutboxEntry).count() == 0


def test_a_server_skips_what_was_stored_before_it_started(app: Flask, told: list[Fact]) -> None:
    with app.app_context():
        with without_sockets(app):
            _records(PersonChanged(1))
        outbox.current().begin()
        outbox.current().receive()
        assert told == []


def test_a_fact_of_another_version_is_logged_and_the_next_one_told(
    app: Flask, told: list[Fact], caplog: pytest.LogCaptureFixture
) -> None:
    with app.app_context():
        with without_sockets(app):
            _records(PersonChanged(1), RoomChanged(2))
        db.session.query(OutboxEntry).filter_by(id=1).update({"fact": '{"fact": "Eclipse"}'})
        db.session.commit()
        outbox.current().receive()
    assert told == [RoomChanged(2)]
    assert "does not know the fact number 1" in caplog.text


@pytest.mark.parametrize("kind", facts.KINDS.values(), ids=lambda kind: kind.__name__)
def test_every_fact_has_a_listener_and_can_be_stored(kind: Any) -> None:
    fact = kind(*range(len(fields(kind))))
    assert facts.from_dict(facts.to_dict(fact)) == fact
    assert broadcast.tell.dispatch(kind) is not broadcast.tell.dispatch(object)


@transaction
def _records(*recorded: Fact) -> None:
    for fact in recorded:
        record(fact)
