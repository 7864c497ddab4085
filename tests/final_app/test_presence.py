"""Who is online, what a new socket receives, and the list of people that pages store."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import socketio
from flask import Flask, current_app
from flask_socketio import SocketIOTestClient
from socketio.exceptions import ConnectionError
from sqlalchemy import event

from final_app import current
from final_app.accounts import accounts, sessions
from final_app.chat import memberships, messages, rooms
from final_app.chat import people as everybody
from final_app.chat.presence import GRACE, Presence
from final_app.errors import Busy
from final_app.facts import RoomChanged
from final_app.realtime import broadcast, handlers
from final_app.realtime import server as sockets
from final_app.storage.models import db
from tests.faults.mutants import Change, mutant
from tests.final_app.conftest import Move, People
from tests.final_app.rig import Person, Server

ADA, BO = 1, 2
SHORT: Change = ("chat/presence.py", "GRACE = 10.0", "GRACE = 2.0")  # so that the test is quick


@pytest.fixture
def brief(tmp_path: Path) -> Iterator[Server]:
    """The chat with a short grace period."""
    server = Server(tmp_path / "data", code=mutant(tmp_path, SHORT)).start()
    yield server
    server.stop()


# ---- who is online


def test_who_came_and_who_went_is_gathered(move: Move) -> None:
    here = Presence()
    for user in (3, 1, 2):
        here.connect(f"sid{user}", 0, user)
    assert here.online() == (), "nobody was told yet"
    assert here.changes() == ([1, 2, 3], [])
    assert here.changes() == ([], [])
    here.connect("second tab", 0, 1)
    here.disconnect("sid1")
    move(2 * GRACE)
    assert here.changes() == ([], []), "a person is here while any socket is"
    assert here.online() == (1, 2, 3)


def test_a_person_goes_offline_only_after_the_grace(move: Move) -> None:
    here = Presence()
    here.connect("a", 0, ADA)
    here.changes()
    here.disconnect("a")
    assert GRACE == 10, "as the documents say"
    move(GRACE - 0.1)
    assert here.changes() == ([], [])
    here.connect("b", 0, ADA)  # a reload
    move(GRACE)
    assert here.changes() == ([], [])
    here.disconnect("b")
    move(GRACE + 0.1)
    assert here.changes() == ([], [ADA])
    assert here.online() == ()


def test_who_comes_and_goes_between_two_announcements_is_not_told(
    move: Move,
) -> None:
    here = Presence()
    here.connect("a", 0, ADA)
    here.disconnect("a")
    assert here.changes() == ([], [])
    move(2 * GRACE)
    assert here.changes() == ([], [])


def test_the_sockets_of_a_user_and_of_a_session_are_found() -> None:
    here = Presence()
    for sid, session, user in (("a", 7, ADA), ("b", 8, ADA), ("c", 9, BO)):
        here.connect(sid, session, user)
    assert sorted(here.sids_of(ADA)) == ["a", "b"]
    assert here.sids_of_session(8) == ["b"]
    here.disconnect("b")
    here.disconnect("never there")
    assert (here.sids_of(ADA), here.sids_of_session(8), here.sids_of(99)) == (["a"], [], [])


def test_others_see_somebody_leave_but_not_a_reload(brief: Server) -> None:
    ada = Person(brief, "ada").begin()
    bo = Person(brief, "bo").register(ada.invite())
    ada.connect()
    bo.connect()
    while bo.id not in ada.hear("presence")["online"]:
        pass
    for _ in range(3):  # reloads
        bo.leave()
        assert bo.id in bo.connect()["online"]
    bo.leave()
    assert ada.hear("presence") == {"online": [], "offline": [bo.id]}
    assert ada.connect()["online"] == [ada.id]
    bo.connect()
    assert bo.id in ada.hear("presence")["online"]
    ada.leave()
    bo.leave()


def test_a_socket_that_closed_before_it_was_noted_is_forgotten(two_people: Flask) -> None:
    current.presence().connect("ghost", 0, BO)
    broadcast.online()
    assert current.presence().sids() == set()


def test_a_page_that_connects_while_the_database_is_busy_is_refused_and_forgotten(
    two_people: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise, the person would stay online, and could soon open no more pages."""

    def busy(user_id: int) -> None:
        raise Busy("The database is busy.")

    monkeypatch.setattr(memberships, "of", busy)
    client = _client(two_people, sessions.create(BO, "test", "127.0.0.1"))
    assert not client.is_connected()
    broadcast.online()
    assert current.presence().sids() == set()
    assert sockets.open_sids() == []
    assert caplog.messages == []


def test_a_connection_that_closes_while_others_connect_costs_nothing(
    two_people: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the database is gone, each attempt takes 10 s, and pages make many of them."""
    server, accepted = sockets.socketio.server, []

    class Door:
        closes = False

        def __enter__(self) -> None:
            for eio_sid in list(server.environ) if self.closes else ():
                server._handle_eio_disconnect(eio_sid, "transport close")

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(handlers, "_door", door := Door())
    monkeypatch.setattr(handlers, "_let_in", accepted.append)
    _client(two_people, "token").disconnect()
    assert len(accepted) == 1
    door.closes = True
    _client(two_people, "token")
    assert len(accepted) == 1
    assert sockets.open_sids() == []


# ---- what a new socket is told


def test_welcome_carries_the_own_rooms_and_no_list_of_people(people: People) -> None:
    bo = people["bo"]
    said = bo.tab().connect()
    assert set(said) == {
        "protocol", "server_time", "limits", "me", "rooms", "people_rev", "people_tag",
        "online",
    }  # fmt: skip
    assert said["protocol"] == handlers.PROTOCOL == 3
    assert {"unread", "last_rev", "last_seq"} <= set(said["rooms"][0])
    assert said["people_rev"] == bo.ask("GET", "/api/people")["rev"]


def test_a_connection_reads_a_little_and_writes_nothing(two_people: Flask) -> None:
    token = sessions.create(BO, "test", "127.0.0.1")
    connect = lambda: _client(two_people, token).disconnect()  # noqa: E731
    connect()  # which makes the list of people, once for each change of somebody
    few = _statements(connect)
    for number in range(60):
        accounts._add(f"person{number}", "", "member")
    connect()
    many = _statements(connect)
    assert 1 < len(few) == len(many) <= 5, few
    assert all(each.startswith("SELECT") for each in many), many


def test_a_page_that_has_missed_nothing_asks_with_one_statement(two_people: Flask) -> None:
    places = [1, *(rooms.create(ADA, f"Room {number}", "open") for number in range(10))]
    said = [messages.post(ADA, place, str(uuid.uuid4()), "Hello").message for place in places]
    revs = {str(each["room"]): each["rev"] for each in said}
    bo = _client(two_people, sessions.create(BO, "test", "127.0.0.1"))
    assert len(bo.get_received()[0]["args"][0]["rooms"]) == len(places) == 11
    answer: dict[str, Any] = {}
    who_asks, *rest = _statements(lambda: answer.update(_sync(bo, revs)))
    assert answer == {
        room: {"changes": [], "last_rev": rev, "reset": False, "more": False}
        for room, rev in revs.items()
    }
    assert "sessions" in who_asks and len(rest) == 1, rest
    revs["1"] -= 1
    missed = _statements(lambda: answer.update(_sync(bo, revs)))
    assert answer["1"]["changes"] == said[:1] and len(missed) > 2
    bo.disconnect()


def test_a_page_of_another_version_is_told_to_reload(people: People) -> None:
    ada = people["ada"]
    assert _refusal(ada, auth={"protocol": 2}) == "outdated"
    assert _refusal(ada, auth={"protocol": "3"}) == "outdated"
    # A page of protocol 1 names no protocol, and knows only this refusal.
    assert _refusal(ada, auth=None, agent="Mozilla/5.0 (X11; Linux)") == "unauthorized"
    assert _refusal(ada, auth={"protocol": 3}, agent="Mozilla/5.0 (X11; Linux)") == ""
    assert _refusal(ada, auth=None) == "", "a program that names no protocol is accepted"


# ---- the list of people


def test_the_list_of_people_is_sent_again_only_when_somebody_has_changed(
    people: People, server: Server, newcomer: Callable[[str], Person]
) -> None:
    ada, bo = people["ada"], people["bo"]
    tag = _tag(ada)
    assert _unchanged(bo, tag), "it is the same for everybody"
    bo.tab().leave()
    ada.say(1, "Hello")
    assert _unchanged(ada, tag), "neither presence nor messages are part of it"
    changes: list[Callable[[], Any]] = [
        lambda: newcomer("zoe"),
        lambda: bo.form("/account/name", page="/account", name="Bo Diddley"),
        lambda: server.run("users", "promote", "zoe"),
        lambda: server.run("users", "ban", "zoe"),
        lambda: server.run("users", "unban", "zoe"),
        lambda: server.run("users", "demote", "zoe"),
        lambda: server.run("users", "delete", "zoe"),
        lambda: bo.form("/account/name", page="/account", name="bo"),
    ]
    tags = [tag]
    for change in changes:
        change()
        assert not _unchanged(ada, tags[-1]), f"change number {len(tags)}"
        tags.append(_tag(ada))
    assert len(set(tags)) == len(tags)


def test_a_browser_keeps_the_list_with_the_tag_of_welcome_and_asks_for_no_other(
    people: People,
) -> None:
    ada = people["ada"]
    tag = ada.tab().connect()["people_tag"]
    kept = {
        query: ada.get(f"/api/people{query}")
        for query in (f"?tag={tag}", "?tag=another", "?tag=", "")
    }
    assert [each.headers["Cache-Control"] for each in kept.values()] == [
        "private, max-age=86400", *["private, no-cache"] * 3,
    ]  # fmt: skip
    assert len({each.text for each in kept.values()}) == 1
    answer = kept[f"?tag={tag}"]
    assert "Vary" not in answer.headers and answer.headers["ETag"] == f'"{tag}"'
    assert "online" not in answer.json()["people"][0], "which would change all the time"


def test_every_change_of_a_person_has_the_next_number(people: People) -> None:
    ada, bo = people["ada"], people["bo"]
    known = ada.ask("GET", "/api/people")["rev"]
    ada.told()
    for name in ("Bo B", "Bo C", "bo"):
        bo.form("/account/name", page="/account", name=name)
    told = ada.told("person_changed")
    assert [each["rev"] for each in told] == [known + 1, known + 2, known + 3]
    assert ada.ask("GET", "/api/people")["rev"] == known + 3


def test_the_list_is_made_once_for_each_change(two_people: Flask) -> None:
    first = current.listing()
    assert current.listing() is first
    accounts._add("cy", "", "member")
    second = current.listing()
    assert second is not first and second.rev == first.rev + 1
    assert [each["username"] for each in json.loads(second.body)["people"]] == ["ada", "bo", "cy"]


def test_somebody_who_is_alone_is_known_to_be(two_people: Flask) -> None:
    assert not everybody.is_alone()
    accounts.deactivate(BO, "deleted")
    assert everybody.is_alone()


def test_a_direct_room_shows_its_other_person_to_each(two_people: Flask) -> None:
    direct = rooms.direct(ADA, BO)
    views = memberships.seen_by([ADA, BO], direct)
    assert {user: view["person"]["username"] for user, view in views.items()} == {
        ADA: "bo",
        BO: "ada",
    }
    counts = {"unread": 0, "mentions": 0}
    assert views[ADA]["name"] == "bo" and memberships.one(ADA, direct) == views[ADA] | counts
    assert memberships.one(ADA, 1)["person"] is None


def test_a_room_that_changes_costs_nothing_for_members_who_are_away(
    two_people: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(sockets, "emit", lambda event, data, to: sent.append((to, data["room"])))
    current.presence().connect("bo's page", 0, BO)
    statements = _statements(lambda: broadcast.tell(RoomChanged(1)))
    ((to, room),) = sent
    assert (to, room["id"]) == (broadcast.user_name(BO), 1)
    assert not {"unread", "mentions"} & set(room)
    assert not [each for each in statements if "messages" in each], "nothing is counted"


# ---- helpers


def _statements(act: Callable[[], object]) -> list[str]:
    """Return the statements that SQLite runs. SQLAlchemy's events do not include all of them."""
    db.session.remove()
    heard: list[str] = []
    kept = current_app.extensions["database"]._writer.connection.driver_connection

    def hear(connection: Any, *_: object) -> None:
        connection.set_trace_callback(heard.append)

    hear(kept)
    event.listen(db.engine, "checkout", hear)
    act()
    event.remove(db.engine, "checkout", hear)
    kept.set_trace_callback(None)
    return heard


def _client(app: Flask, token: str) -> SocketIOTestClient:
    return sockets.socketio.test_client(app, headers={"Cookie": f"chat_session={token}"})


def _sync(client: SocketIOTestClient, revs: dict[str, int]) -> dict[str, Any]:
    answer: dict[str, Any] = client.emit("sync", {"rooms": revs}, callback=True)
    assert answer["ok"]
    return answer["rooms"]  # type: ignore[no-any-return]


def _refusal(person: Person, *, auth: object, agent: str = "") -> str:
    """Connect a socket. Return the code of the refusal, or "" if it was accepted."""
    client = socketio.Client(reconnection=False)
    codes: list[str] = []
    client.on("connect_error", lambda error: codes.append(error["data"]["code"]))
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.http.cookies)
    headers = {"Cookie": cookies} | ({"User-Agent": agent} if agent else {})
    try:
        client.connect(person.server.url, headers=headers, auth=auth, transports=["websocket"])
    except ConnectionError:
        assert codes
    else:
        client.disconnect()
    return codes[0] if codes else ""


def _tag(person: Person) -> str:
    return str(person.get("/api/people").headers["ETag"])


def _unchanged(person: Person, tag: str) -> bool:
    answer = person.get("/api/people", headers={"If-None-Match": tag})
    assert (answer.status_code, bool(answer.content)) in [(304, False), (200, True)]
    return bool(answer.status_code == 304)
