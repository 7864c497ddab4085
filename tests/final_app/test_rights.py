"""Who can do what: every route and every event, for everybody. Anything missing from the table fails."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_socketio import SocketIOTestClient
from socketio.exceptions import BadNamespaceError, ConnectionError, DisconnectedError
from socketio.exceptions import TimeoutError as NoAnswer

from final_app import current
from final_app.accounts import accounts, sessions
from final_app.chat import memberships, rooms
from final_app.realtime import broadcast, handlers
from final_app.realtime import server as sockets
from tests.final_app.conftest import People
from tests.final_app.rig import PASSWORD, Person, Server, application, png

Room = Callable[..., int]

WHO = ("anonymous", "member", "outsider", "banned", "logged out")
ALL = (200,) * 5
HOME = (302,) * 5
STRANGERS_ONLY = (200, 302, 302, 200, 200)


def people_get(member: int, outsider: int) -> tuple[int, ...]:
    return (401, member, outsider, 401, 401)


# method, rule → the status for anonymous, member, outsider, banned, logged out.
# {den} is a closed room of Ada and the members; {ada} is its owner, {log_in} is one of hers.
ROUTES: dict[tuple[str, str], tuple[int, ...]] = {
    ("GET", "/static/<version>/<path:filename>"): ALL,
    ("GET", "/socketio_browser/<path:filename>"): ALL,
    ("GET", "/healthz"): ALL,
    ("GET", "/readyz"): ALL,
    ("GET", "/metrics"): ALL,  # on the same machine
    ("GET", "/"): HOME,
    ("GET", "/first-run"): HOME,
    ("POST", "/first-run"): HOME,
    ("GET", "/login"): STRANGERS_ONLY,
    ("POST", "/login"): (401, 302, 302, 401, 401),
    ("GET", "/register"): (403, 302, 302, 403, 403),
    ("POST", "/register"): (403, 302, 302, 403, 403),
    ("POST", "/logout"): people_get(302, 302),
    ("GET", "/account"): people_get(200, 200),
    ("POST", "/account/name"): people_get(302, 302),
    ("POST", "/account/password"): people_get(403, 403),  # with a wrong one
    ("POST", "/account/delete"): people_get(403, 403),
    ("POST", "/account/sessions/<int:session_id>/end"): people_get(404, 404),  # somebody else's
    ("GET", "/r/<slug>"): people_get(200, 404),
    ("GET", "/r/<slug>/<int:seq>"): people_get(200, 404),
    ("POST", "/r/<slug>"): people_get(302, 404),
    ("POST", "/r/<slug>/<int:seq>"): people_get(302, 404),
    ("POST", "/rooms"): people_get(201, 201),
    ("PATCH", "/rooms/<int:room_id>"): people_get(403, 404),  # only its owner
    ("DELETE", "/rooms/<int:room_id>"): people_get(403, 404),
    ("POST", "/rooms/<int:room_id>/unarchive"): people_get(403, 404),
    ("GET", "/api/rooms"): people_get(200, 200),
    ("PUT", "/rooms/<int:room_id>/members/<int:user_id>"): people_get(200, 404),
    ("DELETE", "/rooms/<int:room_id>/members/<int:user_id>"): people_get(403, 404),
    ("GET", "/api/rooms/<int:room_id>/members"): people_get(200, 404),
    ("GET", "/api/rooms/<int:room_id>/messages"): people_get(200, 404),
    ("GET", "/api/people"): people_get(200, 200),
    ("POST", "/dm/<int:user_id>"): people_get(200, 200),
    ("POST", "/api/invites"): people_get(403, 403),  # administrators
    ("POST", "/api/people/<int:user_id>/ban"): people_get(403, 403),
    ("GET", "/api"): people_get(200, 200),
    ("GET", "/api/search"): people_get(200, 200),  # what it finds is asked below
    ("PUT", "/api/rooms/<int:room_id>/notify"): people_get(200, 404),
    ("POST", "/hooks"): people_get(201, 404),
    ("POST", "/api/uploads"): people_get(201, 404),
    ("DELETE", "/api/uploads/<upload_id>"): people_get(400, 404),  # a message carries it
    ("GET", "/files/<upload_id>"): people_get(200, 404),
    ("GET", "/files/<upload_id>/thumb"): people_get(200, 404),
}

OWN = {"connect", "disconnect", "*"}  # the library's: a client that sends such an event is closed

# event → the code for member, outsider, banned, logged out; an anonymous socket is not let in at all.
EVENTS: dict[str, tuple[str, ...]] = {
    "new_message": ("ok", "not_found", "unauthorized", "unauthorized"),
    "edit_message": ("forbidden", "not_found", "unauthorized", "unauthorized"),
    "delete_message": ("forbidden", "not_found", "unauthorized", "unauthorized"),
    "react": ("ok", "not_found", "unauthorized", "unauthorized"),
    "mark_read": ("ok", "not_found", "unauthorized", "unauthorized"),
    "sync": ("ok", "nothing", "unauthorized", "unauthorized"),
    "typing": ("ok", "not_found", "unauthorized", "unauthorized"),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return application(tmp_path_factory.mktemp("app"))


def unlisted(app: Flask) -> set[object]:
    """Return the routes and events of the application that are missing from the tables."""
    handlers = sockets.socketio.server.handlers
    assert set(handlers) == {"/"} and not sockets.socketio.server.namespace_handlers
    routes = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    return (routes ^ set(ROUTES)) | (set(handlers["/"]) ^ {*EVENTS, *OWN})


def test_every_route_and_event_is_in_the_table(app: Flask) -> None:
    assert unlisted(app) == set()


def test_a_new_route_and_a_new_event_would_be_noticed(tmp_path: Path) -> None:
    """The negative twin."""
    double = application(tmp_path)
    double.add_url_rule("/backdoor", view_func=lambda: "come in", methods=["GET", "POST"])
    sockets.socketio.server.on("backdoor", lambda *_: {"ok": True}, namespace="/")
    assert unlisted(double) == {("GET", "/backdoor"), ("POST", "/backdoor"), "backdoor"}


def test_every_route_lets_in_whom_the_table_says(
    people: People, room: Room, newcomer: Callable[[str], Person], server: Server
) -> None:
    den = room("Den", "bo")
    slug = people["ada"].ask("PUT", f"/rooms/{den}/members/{people['bo'].id}")["room"]["slug"]
    picture = people["ada"].upload(den, "a.png", png())["upload"]["id"]
    assert people["ada"].say(den, "", uploads=[picture])["ok"]
    cast = _cast(people, room, newcomer, den)
    _ban_silently(server, "dot")
    cast["logged out"].form("/logout", page="/account")
    wrong = {
        (method, rule, who): (status, expected[WHO.index(who)])
        for (method, rule), expected in ROUTES.items()
        for who, person in cast.items()
        if (status := _request(person, method, rule.replace("<slug>", slug), den, picture))
        != expected[WHO.index(who)]
    }
    assert wrong == {}


def test_every_event_is_answered_as_the_table_says(
    people: People, room: Room, newcomer: Callable[[str], Person], server: Server
) -> None:
    lair = room("Lair", "bo")
    said = people["ada"].say(lair, "Ours")["message"]
    eve, fay = newcomer("eve"), newcomer("fay")
    for person in (eve, fay):
        people["ada"].ask("PUT", f"/rooms/{lair}/members/{person.id}")
    sockets = {"member": people["bo"], "outsider": people["cy"], "banned": eve, "logged out": fay}
    payloads = {event: _payload(event, lair, said["id"]) for event in EVENTS}
    seen = {}
    for who, person in sockets.items():
        if who == "banned":
            _ban_silently(server, "eve")
        if who == "logged out":  # in the table alone: log-out itself would close the socket
            server.sql("DELETE FROM sessions WHERE user_id = :id", {"id": fay.id})
        seen |= {(event, who): _outcome(person, event, data) for event, data in payloads.items()}
    wrong = {
        (event, who): (outcome, EVENTS[event][WHO.index(who) - 1])
        for (event, who), outcome in seen.items()
        if outcome not in (EVENTS[event][WHO.index(who) - 1], _closed(who))
    }
    assert wrong == {}
    # Not all were closed before they could be refused.
    assert "unauthorized" in {seen["new_message", who] for who in ("banned", "logged out")}


def test_nobody_connects_without_a_log_in(people: People, server: Server) -> None:
    stranger = Person(server, "stranger")
    with pytest.raises(ConnectionError):
        stranger.connect()
    stranger.http.cookies.set("chat_session", "made-up")
    with pytest.raises(ConnectionError):
        stranger.connect()
    assert people["bo"].tab().id == people["bo"].id  # and with one, somebody does


def test_an_administrator_may_invite_and_owns_what_the_room_owner_owns(
    people: People, room: Room
) -> None:
    ada, bo = people["ada"], people["bo"]
    theirs = bo.ask("POST", "/rooms", {"name": "Theirs", "kind": "closed"})["room"]["id"]
    assert ada.call("PATCH", f"/rooms/{theirs}", {"name": "Mine"}).status_code == 404
    bo.ask("PUT", f"/rooms/{theirs}/members/{ada.id}")
    assert ada.call("PATCH", f"/rooms/{theirs}", {"name": "Mine"}).status_code == 200
    assert ada.call("POST", "/api/invites").status_code == 201


# ---- revocation, with open sockets


def test_log_out_closes_the_sockets_of_that_log_in_at_once(
    people: People, newcomer: Callable[[str], Person], server: Server
) -> None:
    gil, ada = newcomer("gil"), people["ada"]
    tab, elsewhere = gil.tab(), Person(server, "gil")
    elsewhere.log_in()
    elsewhere.connect()
    gil.form("/logout", page="/account")
    ada.say(1, "Is Gil gone?")
    for closed in (gil, tab):
        assert _last_words(closed) == {"reason": "logged_out"}
    assert elsewhere.hear("new_message")["text"] == "Is Gil gone?"
    elsewhere.leave()


def test_another_password_ends_the_other_log_ins_at_once(
    people: People, newcomer: Callable[[str], Person], server: Server
) -> None:
    hal, ada = newcomer("hal"), people["ada"]
    elsewhere = Person(server, "hal")
    elsewhere.log_in()
    elsewhere.connect()
    hal.form("/account/password", page="/account", current=PASSWORD, password="another one")
    ada.say(1, "Still here, Hal?")
    assert _last_words(elsewhere) == {"reason": "password_changed"}
    assert hal.hear("new_message")["text"] == "Still here, Hal?"
    assert hal.say(1, "Yes")["ok"]
    assert elsewhere.call("GET", "/api/people").status_code == 401


def test_a_log_in_that_is_ended_from_the_list_and_a_deleted_account_go_at_once(
    people: People, newcomer: Callable[[str], Person], server: Server
) -> None:
    ida, ada = newcomer("ida"), people["ada"]
    elsewhere = Person(server, "ida")
    elsewhere.log_in()
    elsewhere.connect()
    (there,) = server.sql("SELECT max(id) FROM sessions WHERE user_id = :id", {"id": ida.id})[0]
    ida.form(f"/account/sessions/{there}/end", page="/account")
    ada.say(1, "One less")
    assert _last_words(elsewhere) == {"reason": "ended"}
    assert ida.told("new_message")
    ida.form("/account/delete", page="/account", password=PASSWORD)
    ada.say(1, "None left")
    assert _last_words(ida) == {"reason": "deleted"}


def test_a_ban_from_the_command_line_reaches_open_sockets(
    people: People, newcomer: Callable[[str], Person], server: Server
) -> None:
    jo = newcomer("jo")
    jo.heard()
    told = server.run("users", "ban", "jo")
    assert told.stdout == "jo is banned. 1 session ended.\n", told
    assert _outcome(jo, "new_message", _payload("new_message", 1, 0)) in ("unauthorized", "closed")
    assert jo.ending()[-2] == ("session_ended", {"reason": "banned"})
    people["ada"].say(1, "Peace")
    assert jo.heard() == []
    assert jo.log_in().status_code == 401
    assert "jo" not in [
        person["username"] for person in people["ada"].ask("GET", "/api/people")["people"]
    ]


def test_a_reset_password_reaches_open_sockets(
    people: People, newcomer: Callable[[str], Person], server: Server
) -> None:
    kim = newcomer("kim")
    told = server.run("users", "reset-password", "kim", "--password-stdin", stdin="brand new one\n")
    assert told.stdout == "kim has a new password. 1 session ended.\n", told
    assert _last_words(kim) == {"reason": "password_changed"}
    assert kim.log_in().status_code == 401
    assert kim.log_in("brand new one").status_code == 200


def test_who_is_removed_from_a_room_keeps_the_socket_and_hears_nothing_more(
    people: People, room: Room
) -> None:
    ada, bo = people["ada"], people["bo"]
    club = room("Club", "bo")
    tab = bo.tab()
    ada.say(club, "Before")
    assert bo.hear("new_message") and tab.hear("new_message")
    assert ada.ask("DELETE", f"/rooms/{club}/members/{bo.id}")["ok"]
    said = ada.say(club, "After")["message"]
    ada.emit("edit_message", {"id": said["id"], "text": "After that"})
    ada.emit("typing", {"room": club, "on": True})
    for socket in (bo, tab):
        assert socket.hear("room_removed") == {"room": club}
        assert socket.told("new_message", "message_changed", "typing", "room_changed") == []
        assert socket.say(club, "Hello?")["error"]["code"] == "not_found"
    ada.say(1, "In general")
    assert bo.hear("new_message")["text"] == "In general"
    tab.leave()


@pytest.mark.parametrize("word", sorted(OWN))
def test_nobody_hides_an_open_socket_by_saying_disconnect(
    people: People, room: Room, word: str
) -> None:
    """An event of that name once removed the socket from the lists, but not from its rooms."""
    ada, tab = people["ada"], people["bo"].tab()
    club = room(f"Hide and seek {sorted(OWN).index(word)}", "bo")
    assert tab.socket is not None
    tab.socket.emit(word, {})
    assert tab.ending()[-1][0] == "disconnect"
    ada.say(club, "Are you still there?")
    assert people["bo"].hear("new_message")["text"] == "Are you still there?"
    assert [event for event, _ in tab.heard()] == []


# ---- races, inside one process


@pytest.mark.parametrize("kicked", [True, False])
def test_a_kick_while_the_socket_connects_counts(
    app: Flask, monkeypatch: pytest.MonkeyPatch, kicked: bool
) -> None:
    with app.app_context():
        ada, bo, den = _three(app, f"bo{kicked:d}")
        _in_between(monkeypatch, lambda: kicked and rooms.remove_member(ada, den, bo))
        client = _connected(app, bo)
        sockets.emit("new_message", {"text": "secret"}, to=broadcast.room_name(den))
        heard = [each["name"] for each in client.get_received()]
        assert "welcome" in heard
        assert ("new_message" in heard) is not kicked


@pytest.mark.parametrize("hears", [True, False])
def test_what_a_command_did_counts_only_if_it_still_holds(app: Flask, hears: bool) -> None:
    """With SQLite, the server learns up to two seconds later what a command did."""
    with app.app_context():
        ada, bo, den = _three(app, f"late{hears:d}")
        client = _connected(app, bo)
        queue = app.extensions["outbox"]
        queue.begin()
        changes = [rooms.remove_member, rooms.add_member]
        if not hears:
            rooms.remove_member(ada, den, bo)
            changes.reverse()
        for change, by_server in zip(changes, (False, True), strict=True):
            queue.has_sockets = by_server
            change(ada, den, bo)
        queue.receive()
        client.get_received()
        sockets.emit("new_message", {"text": "secret"}, to=broadcast.room_name(den))
        assert bool(client.get_received()) is hears


def test_a_log_out_while_the_socket_connects_counts(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        _, bo, den = _three(app, "bo2")
        _in_between(monkeypatch, lambda: sessions.end_all(bo, "logged_out"))
        client = _connected(app, bo)
        sockets.emit("new_message", {"text": "secret"}, to=broadcast.room_name(den))
        assert not client.is_connected()
        assert current.presence().sids_of(bo) == []


def test_a_log_out_before_the_socket_is_noted_counts(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        _, bo, den = _three(app, "bo3")
        here, note = current.presence(), current.presence().connect

        def too_late(sid: str, session_id: int, user_id: int) -> None:
            sessions.end_all(bo, "logged_out")
            note(sid, session_id, user_id)

        monkeypatch.setattr(here, "connect", too_late)
        client = _connected(app, bo)
        sockets.emit("new_message", {"text": "secret"}, to=broadcast.room_name(den))
        assert not client.is_connected()
        assert here.sids_of(bo) == []


def test_a_connection_that_died_unnoticed_stops_nobody(app: Flask) -> None:
    with app.app_context():
        ada, bo, _ = _three(app, "bo4")
        current.presence().connect("ghost", 0, bo)
        client = _connected(app, bo)
        rooms.create(ada, "Haunted", "open")
        told = [each["args"][0]["room"]["name"] for each in client.get_received()
                if each["name"] == "room_changed"]  # fmt: skip
        assert told == ["Haunted"]


def _three(app: Flask, name: str) -> tuple[int, int, int]:
    """Create an administrator unless there is one, another person, and a room with both of them."""
    ada = 1 if accounts.exist() else accounts.bootstrap("ada", PASSWORD)
    bo = accounts.create(name, PASSWORD)
    den = rooms.create(ada, f"Den of {name}", "closed")
    rooms.add_member(ada, den, bo)
    return ada, bo, den


def _in_between(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Let something happen after `connect` has read the rooms and before it has entered them."""
    read, again = memberships.ids_of, []

    def ids_of(user_id: int) -> set[int]:
        found = read(user_id)
        if not again:
            again.append(True)
            work()
        return found

    monkeypatch.setattr(handlers.memberships, "ids_of", ids_of)


def _connected(app: Flask, user_id: int) -> SocketIOTestClient:
    token = sessions.create(user_id, "test", "127.0.0.1")
    return sockets.socketio.test_client(app, headers={"Cookie": f"chat_session={token}"})


# ---- the cells


def _cast(
    people: People, room: Room, newcomer: Callable[[str], Person], den: int
) -> dict[str, Person]:
    dot, gone = newcomer("dot"), newcomer("gone")
    for person in (dot, gone):
        assert people["ada"].ask("PUT", f"/rooms/{den}/members/{person.id}")["ok"]
    return {
        "anonymous": Person(dot.server, "nobody"), "member": people["bo"],
        "outsider": people["cy"], "banned": dot, "logged out": gone,
    }  # fmt: skip


def _request(person: Person, method: str, rule: str, den: int, picture: str) -> int:
    """Send a request with a valid CSRF token, and return the status. User 1 is Ada, who owns the den."""
    path = (
        rule.replace("<int:room_id>", str(den)).replace("<int:user_id>", "1")
        .replace("<int:seq>", "1").replace("<int:session_id>", "1")
        .replace("/static/<version>/<path:filename>", "/static/a/icon.svg")
        .replace("<path:filename>", "socket.io.min.js").replace("<upload_id>", picture)
        .replace("/api/search", "/api/search?q=hello")
    )  # fmt: skip
    known = person.get("/account", allow_redirects=False).status_code == 200
    headers = {
        "Accept": "application/json",
        "X-CSRFToken": person.token("/account" if known else "/login"),
    }
    fields = {
        "username": "nobody",
        "password": "wrong password",
        "current": "wrong",
        "name": person.name,
    }
    body: dict[str, Any] = {"data": fields}
    if "rooms" in path:
        body = {"json": {"name": f"{person.name}'s room", "kind": "closed", "level": "all"}}
    if path == "/hooks":
        body = {"json": {"room": den, "text": "Hello"}}
    if path == "/api/uploads":
        body = {"data": {"room": den}, "files": {"file": ("a.txt", b"Hello")}}
    answer = person.http.request(
        method, person.server.url + path, headers=headers, allow_redirects=False,
        **(body if method != "GET" else {}),
    )  # fmt: skip
    if path == "/logout" and answer.status_code == 302:
        assert person.log_in().ok and person.connect()
    return answer.status_code


def _payload(event: str, room: int, message: int) -> dict[str, Any]:
    payloads: dict[str, dict[str, Any]] = {
        "new_message": {"room": room, "client_id": str(uuid.uuid4()), "text": "Hello"},
        "edit_message": {"id": message, "text": "Changed"},
        "delete_message": {"id": message},
        "react": {"id": message, "emoji": "👍", "on": True},
        "mark_read": {"room": room, "seq": 1},
        "sync": {"rooms": {str(room): 0}},
        "typing": {"room": room, "on": True},
    }
    return payloads.get(event, {})


def _outcome(person: Person, event: str, data: dict[str, Any]) -> str:
    try:
        answer = person.emit(event, data)
    except (BadNamespaceError, DisconnectedError):
        return "closed"
    except NoAnswer:
        # The server closed the socket while the event was on its way; an open one must answer.
        assert person.socket is not None and "/" not in person.socket.namespaces
        return "closed"
    if not answer["ok"]:
        return str(answer["error"]["code"])
    return "nothing" if answer.get("rooms") == {} else "ok"


def _closed(who: str) -> str:
    """Return whether a revoked socket has been closed, which the server may do instead of refusing."""
    return "closed" if who in ("banned", "logged out") else ""


def _last_words(person: Person) -> Any:
    """Return the data of `session_ended`, which must be the last event that the socket received."""
    (event, data), (last, _) = person.ending()[-2:]
    assert (event, last) == ("session_ended", "disconnect")
    assert person.heard() == []
    assert person.socket and not person.socket.connected
    return data


def _ban_silently(server: Server, name: str) -> None:
    server.sql("UPDATE users SET status = 'banned' WHERE username = :name", {"name": name})
