"""Rooms: who can do what in them, what each person sees of them, and who receives the changes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from final_app.accounts import accounts
from final_app.chat import memberships, rooms
from final_app.chat import people as people_of_chat
from final_app.errors import Conflict, Invalid
from final_app.lib import clock
from final_app.storage.models import db
from tests.final_app.conftest import People
from tests.final_app.rig import PASSWORD, Person, Server

Room = Callable[..., int]


def seen(person: Person, room: int) -> dict[str, Any] | None:
    """Return a room as a new socket of this person receives it."""
    tab = Person(person.server, person.name)
    tab.http = person.http
    rooms = tab.connect()["rooms"]
    tab.leave()
    return next((each for each in rooms if each["id"] == room), None)


def code(answer: dict[str, Any]) -> str:
    return "ok" if answer["ok"] else str(answer["error"]["code"])


def test_an_open_room_holds_everybody_and_a_closed_one_only_its_maker(
    people: People, room: Room
) -> None:
    ada, bo = people["ada"], people["bo"]
    bo.told()
    open_room, closed = room("Square", kind="open"), room("Cellar")
    assert [each["room"]["id"] for each in bo.told("room_changed")] == [open_room]
    assert seen(bo, open_room) and not seen(bo, closed)
    assert code(bo.say(open_room, "Hello")) == "ok"
    assert (seen(ada, open_room) or {})["role"] == "owner"
    assert (seen(bo, open_room) or {})["role"] == "member"


def test_a_new_person_is_in_every_open_room_with_nothing_unread(
    people: People, room: Room, server: Server
) -> None:
    ada = people["ada"]
    open_room, closed, over = room("Park", kind="open"), room("Vault"), room("Past", kind="open")
    ada.say(open_room, "Before Dee came")
    ada.ask("DELETE", f"/rooms/{over}")
    people["bo"].told()
    dee = Person(server, "dee").register(ada.invite())
    rooms = {each["id"]: each for each in dee.connect()["rooms"]}
    assert {1, open_room} <= set(rooms) and not {closed, over} & set(rooms)
    assert rooms[open_room]["unread"] == 0
    (told,) = people["bo"].told("person_changed")
    assert told["person"] == {"id": dee.id, "username": "dee", "name": "dee", "role": "member"}
    dee.leave()


def test_a_room_needs_a_name_of_its_own_and_a_known_kind(people: People, room: Room) -> None:
    ada = people["ada"]
    first = room("Garden")
    for name, kind, expected in [
        ("garden", "closed", "conflict"), ("", "open", "invalid"), (" \u200b ", "open", "invalid"),
        ("x" * 61, "open", "invalid"), ("a\x00b", "open", "invalid"), ("New", "direct", "invalid"),
        ("New", "", "invalid"), (" Garden  ", "open", "conflict"),
    ]:  # fmt: skip
        assert code(ada.ask("POST", "/rooms", {"name": name, "kind": kind})) == expected, (
            name,
            kind,
        )
    for body in (None, [], "x", {"name": 1, "kind": "open"}, {"name": "New"}):
        assert code(ada.ask("POST", "/rooms", body)) == "invalid", body
    assert code(ada.ask("PATCH", f"/rooms/{first}", {"name": "GARDEN"})) == "ok"  # its own
    room("Ärger")
    assert code(ada.ask("POST", "/rooms", {"name": "ärger", "kind": "open"})) == "conflict"


def test_names_that_look_alike_get_addresses_of_their_own(people: People) -> None:
    ada, slugs = people["ada"], []
    for name in ("Tea & Co", "Tea-Co", "dm 1 2", "DM-1-2", "茶", "酒"):
        slugs.append(ada.ask("POST", "/rooms", {"name": name, "kind": "closed"})["room"]["slug"])
    starts = ["tea-co", "tea-co", "room-dm-1-2", "room-dm-1-2", "room", "room"]
    assert [slug[: -len("-01234567")] for slug in slugs] == starts and len(set(slugs)) == len(slugs)
    assert all(ada.get(f"/r/{slug}").status_code == 200 for slug in slugs)


def test_renaming_tells_the_people_of_the_room_and_keeps_its_address(
    people: People, room: Room
) -> None:
    ada, bo, cy = (people[name] for name in ("ada", "bo", "cy"))
    attic = room("Attic", "bo")
    bo.told(), cy.told()
    slug = (seen(ada, attic) or {})["slug"]
    assert ada.ask("PATCH", f"/rooms/{attic}", {"name": "Loft"})["room"]["name"] == "Loft"
    (told,) = bo.told("room_changed")
    assert (told["room"]["name"], told["room"]["slug"], told["room"]["role"]) == (
        "Loft",
        slug,
        "member",
    )
    assert cy.told("room_changed") == []
    assert code(bo.ask("PATCH", f"/rooms/{attic}", {"name": "Mine"})) == "forbidden"
    assert code(cy.ask("PATCH", f"/rooms/{attic}", {"name": "Mine"})) == "not_found"


def test_whether_a_name_is_taken_is_told_only_to_who_may_rename(people: People, room: Room) -> None:
    room("Hidden")
    mine = room("Shown", "bo")
    assert code(people["bo"].ask("PATCH", f"/rooms/{mine}", {"name": "Hidden"})) == "forbidden"
    assert code(people["cy"].ask("PATCH", f"/rooms/{mine}", {"name": "Hidden"})) == "not_found"


def test_an_archived_room_can_be_read_and_not_written_in(people: People, room: Room) -> None:
    ada, bo = people["ada"], people["bo"]
    old = room("Old", "bo")
    said = bo.say(old, "Once")["message"]
    bo.told()
    assert code(bo.ask("DELETE", f"/rooms/{old}")) == "forbidden"
    assert code(ada.ask("DELETE", f"/rooms/{old}")) == "ok"
    assert bo.told("room_changed")[-1]["room"]["archived"]
    refused = [
        bo.say(old, "Again"),
        bo.emit("edit_message", {"id": said["id"], "text": "Else"}),
        bo.emit("delete_message", {"id": said["id"]}),
        ada.ask("PUT", f"/rooms/{old}/members/{people['cy'].id}"),
    ]
    assert [code(each) for each in refused] == ["forbidden"] * 4
    assert [each["text"] for each in bo.history(old)] == ["Once"]
    assert code(ada.ask("POST", "/rooms", {"name": "Old", "kind": "closed"})) == "ok"


def test_members_bring_others_and_only_the_owner_takes_them_out(people: People, room: Room) -> None:
    ada, bo, cy = (people[name] for name in ("ada", "bo", "cy"))
    band = room("Band", "bo")
    ada.say(band, "From before")
    cy.told()
    assert code(cy.ask("PUT", f"/rooms/{band}/members/{cy.id}")) == "not_found"
    assert code(bo.ask("PUT", f"/rooms/{band}/members/{cy.id}")) == "ok"
    (told,) = cy.told("room_changed")
    assert (told["room"]["id"], (seen(cy, band) or {})["unread"]) == (band, 0)
    assert len(cy.history(band)) == 1  # what was said before is history, not unread
    ada.say(band, "Hello, Cy")
    assert cy.hear("new_message")["text"] == "Hello, Cy"
    assert code(cy.ask("DELETE", f"/rooms/{band}/members/{bo.id}")) == "forbidden"
    assert code(cy.ask("DELETE", f"/rooms/{band}/members/{cy.id}")) == "ok"
    assert cy.told("room_removed") == [{"room": band}]
    assert code(ada.ask("DELETE", f"/rooms/{band}/members/{bo.id}")) == "ok"
    assert bo.hear("room_removed") == {"room": band}
    assert code(ada.ask("PUT", f"/rooms/{band}/members/999")) == "not_found"


def test_a_room_whose_owner_leaves_has_another(people: People, room: Room) -> None:
    ada, bo, cy = (people[name] for name in ("ada", "bo", "cy"))
    den = room("Den", "bo", "cy")
    assert code(bo.ask("PATCH", f"/rooms/{den}", {"name": "Lair"})) == "forbidden"
    assert ada.ask("DELETE", f"/rooms/{den}/members/{ada.id}")["ok"]
    assert [(seen(each, den) or {})["role"] for each in (bo, cy)] == ["owner", "member"]
    assert code(bo.ask("PATCH", f"/rooms/{den}", {"name": "Lair"})) == "ok"
    assert bo.ask("DELETE", f"/rooms/{den}/members/{bo.id}")["ok"]
    assert cy.ask("DELETE", f"/rooms/{den}/members/{cy.id}")[
        "ok"
    ]  # the last one turns off the light


def test_an_open_room_can_be_left_and_joined_again(people: People, room: Room) -> None:
    bo, cy = people["bo"], people["cy"]
    lawn = room("Lawn", kind="open")
    assert code(cy.ask("DELETE", f"/rooms/{lawn}/members/{cy.id}")) == "ok"
    assert lawn in [each["id"] for each in cy.ask("GET", "/api/rooms")["rooms"]]
    assert code(cy.say(lawn, "Hm")) == "not_found"
    assert code(cy.ask("PUT", f"/rooms/{lawn}/members/{bo.id}")) == "not_found"  # not for others
    assert code(cy.ask("PUT", f"/rooms/{lawn}/members/{cy.id}")) == "ok"
    assert code(cy.say(lawn, "Back")) == "ok"
    assert lawn not in [each["id"] for each in cy.ask("GET", "/api/rooms")["rooms"]]


def test_two_people_have_one_conversation_whoever_starts_it(people: People) -> None:
    ada, bo, cy = (people[name] for name in ("ada", "bo", "cy"))
    cy.told()
    talk = ada.ask("POST", f"/dm/{bo.id}")["room"]
    again = bo.ask("POST", f"/dm/{ada.id}")["room"]
    assert talk["id"] == again["id"]
    assert (talk["name"], again["name"]) == ("bo", "ada")  # each sees the other
    assert talk["kind"] == "direct" and talk["person"]["id"] == bo.id
    bo.told()
    ada.say(talk["id"], "Between us")
    assert bo.hear("new_message")["text"] == "Between us"
    assert cy.told("new_message", "room_changed") == [] and not seen(cy, talk["id"])
    assert cy.call("GET", f"/r/{talk['slug']}").status_code == 404
    for person in (ada, bo):
        assert code(person.ask("DELETE", f"/rooms/{talk['id']}/members/{person.id}")) == "forbidden"
        assert code(person.ask("PATCH", f"/rooms/{talk['id']}", {"name": "x"})) == "forbidden"
        assert code(person.ask("DELETE", f"/rooms/{talk['id']}")) == "forbidden"
        assert code(person.ask("PUT", f"/rooms/{talk['id']}/members/{cy.id}")) == "forbidden"
    assert code(ada.ask("POST", f"/dm/{ada.id}")) == "invalid"
    assert code(ada.ask("POST", "/dm/999")) == "not_found"


def test_what_is_unread_counts_what_others_said_and_still_stands(
    people: People, room: Room
) -> None:
    ada, bo = people["ada"], people["bo"]
    desk = room("Desk", "bo")
    bo.say(desk, "My own does not count, @bo")
    ada.say(desk, "One for @bo")
    gone = ada.say(desk, "Another for @bo")["message"]
    ada.say(desk, "Plain")
    counts = seen(bo, desk) or {}
    assert (counts["unread"], counts["mentions"]) == (3, 2)
    ada.emit("delete_message", {"id": gone["id"]})
    counts = seen(bo, desk) or {}
    assert (counts["unread"], counts["mentions"]) == (2, 1)
    assert bo.emit("mark_read", {"room": desk, "seq": 2})["unread"] == 1
    assert (seen(ada, desk) or {})["unread"] == 1  # Bo's


def test_counting_stops_at_a_hundred(people: People, room: Room, server: Server) -> None:
    flood = room("Flood", "bo")
    bo = people["bo"]
    server.sql(
        "INSERT INTO messages (room_id, seq, rev, author_id, client_id, text, html, created_at)"
        " VALUES (:room, :n, :n, 1, :id, 'x', 'x', '2026-01-01 00:00:00.0')",
        *({"room": flood, "n": n, "id": f"flood-{n}"} for n in range(1, 151)),
    )
    server.sql("UPDATE rooms SET last_seq = 150, last_rev = 150 WHERE id = :room", {"room": flood})
    assert (seen(bo, flood) or {})["unread"] == memberships.COUNTED == 100


def test_counting_takes_no_longer_for_somebody_who_has_not_read_for_years(
    two_people: Flask,
) -> None:
    """Bo has muted a busy room. Each of his connections counts its unread messages."""

    def stored(first: int, last: int) -> None:
        made = ({"n": n, "id": str(n), "at": clock.now()} for n in range(first, last + 1))
        columns = "room_id, seq, rev, author_id, client_id, text, html, created_at"
        insert = f"INSERT INTO messages ({columns}) VALUES (1, :n, :n, 1, :id, 'x', 'x', :at)"
        db.session.execute(text(insert), list(made))
        db.session.execute(text("UPDATE rooms SET last_seq = :n, last_rev = :n"), {"n": last})
        db.session.commit()
        db.session.remove()  # it would read with a connection of its own

    def steps() -> int:
        """Return how many steps SQLite takes for the unread count of Bo."""
        taken: list[None] = []
        driver = two_people.extensions["database"]._writer.connection.driver_connection
        driver.set_progress_handler(lambda: taken.append(None), 1)
        assert memberships.one(2, 1)["unread"] == memberships.COUNTED
        driver.set_progress_handler(None, 1)
        return len(taken)

    stored(1, 200)
    few = steps()
    stored(201, 2000)
    assert 0 < few == steps()


def test_reading_moves_both_ways_and_only_the_other_tabs_are_told(
    people: People, room: Room
) -> None:
    ada, bo = people["ada"], people["bo"]
    book = room("Book", "bo")
    for number in range(3):
        ada.say(book, f"Page {number}")
    tab = bo.tab()
    bo.told(), ada.told()
    read = bo.emit("mark_read", {"room": book, "seq": 3})
    assert {key: read[key] for key in ("unread", "mentions", "last_read_seq")} == {
        "unread": 0, "mentions": 0, "last_read_seq": 3,
    }  # fmt: skip
    assert tab.hear("read_changed") == {
        "room": book,
        "unread": 0,
        "mentions": 0,
        "last_read_seq": 3,
        "last_seq": 3,
        "last_rev": 3,
    }
    assert bo.emit("mark_read", {"room": book, "seq": 1})["unread"] == 2  # unread from there
    assert tab.hear("read_changed")["unread"] == 2
    assert bo.emit("mark_read", {"room": book, "seq": 99})["last_read_seq"] == 3  # no further
    assert bo.told("read_changed") == [] and ada.told("read_changed") == []
    tab.leave()


def test_typing_is_told_to_the_others_in_the_room_only(people: People, room: Room) -> None:
    ada, bo, cy = (people[name] for name in ("ada", "bo", "cy"))
    nook = room("Nook", "bo")
    for person in (ada, bo, cy):
        person.told()
    bo.emit("typing", {"room": nook, "on": True})
    assert ada.hear("typing") == {"room": nook, "user_id": bo.id, "name": "bo", "on": True}
    assert bo.told("typing") == [] and cy.told("typing") == []


def test_a_new_name_is_told_to_everybody(people: People) -> None:
    ada, cy = people["ada"], people["cy"]
    ada.told()
    cy.form("/account/name", page="/account", name="  Cy   Twombly ")
    assert ada.hear("person_changed")["person"]["name"] == "Cy Twombly"
    for wrong in ("", " ", "x" * 41, "a\u202eb"):
        assert cy.form("/account/name", page="/account", name=wrong).status_code == 400
    assert ada.told("person_changed") == []
    cy.form("/account/name", page="/account", name="cy")


@pytest.mark.parametrize("number", ["9" * 15, "9" * 19, "9" * 25, "9" * 5000, "٣", "-1", "0", "x"])
def test_a_number_that_no_room_has_is_nothing_here(people: People, number: str) -> None:
    ada = people["ada"]
    addresses = [
        ("GET", f"/api/rooms/{number}/members"), ("GET", f"/api/rooms/{number}/messages"),
        ("DELETE", f"/rooms/{number}"), ("PUT", f"/rooms/1/members/{number}"),
        ("POST", f"/dm/{number}"), ("GET", f"/r/x/{number}"),
    ]  # fmt: skip
    assert {ada.call(method, path).status_code for method, path in addresses} == {404}


@pytest.mark.parametrize("where", ["before=9999999999999999", "after=-1", "around=x", "limit=1e3",
                                   "before=1&after=2", "limit=٣"])  # fmt: skip
def test_a_place_in_history_must_be_a_number(people: People, where: str) -> None:
    answer = people["ada"].call("GET", f"/api/rooms/1/messages?{where}")
    assert (answer.status_code, code(answer.json())) == (400, "invalid")


def test_who_has_left_every_room_finds_the_open_ones_again(server: Server, people: People) -> None:
    wanderer = Person(server, "wanderer").register(people["ada"].invite())
    for room_id in (each["id"] for each in wanderer.connect()["rooms"]):
        wanderer.ask("DELETE", f"/rooms/{room_id}/members/{wanderer.id}")
    wanderer.leave()
    assert wanderer.connect()["rooms"] == []
    assert "general" in wanderer.get("/").text
    wanderer.leave()
    assert "general" in [each["slug"] for each in wanderer.connect()["rooms"]]
    wanderer.leave()


@pytest.mark.parametrize("kind", ["open", "closed"])
@pytest.mark.parametrize("archived", [1, 2], ids=["archived once", "archived twice"])
def test_a_room_that_is_no_longer_archived_holds_the_people_who_came_meanwhile(
    two_people: Flask, kind: str, archived: int
) -> None:
    ada, bo = 1, 2
    room = rooms.create(ada, "Den", kind)
    if kind == "open":
        rooms.remove_member(bo, room, bo)
    rooms.archive(ada, room)
    cy, dee = (accounts.create(name, PASSWORD) for name in ("cy", "dee"))
    accounts.deactivate(dee, "banned")
    if archived == 2:
        rooms.archive(ada, room)
    rooms.unarchive(ada, room)
    rooms.unarchive(ada, room)
    found = {each["id"] for each in memberships.members(ada, room)}
    assert found == ({ada, cy} if kind == "open" else {ada}), "Bo had left it before"


@pytest.mark.parametrize("banned", ["before", "while"])
def test_whoever_is_unbanned_is_in_an_open_room_that_is_archived(
    two_people: Flask, banned: str
) -> None:
    """Otherwise, only this person would not be in it after it is unarchived."""
    ada, bo = 1, 2
    den, closed = (rooms.create(ada, kind, kind) for kind in ("open", "closed"))
    rooms.add_member(ada, closed, bo)
    if banned == "before":
        accounts.ban(ada, bo)
    rooms.archive(ada, den)
    if banned == "while":
        accounts.ban(ada, bo)
    accounts.unban(bo)
    assert memberships.ids_of(bo) == {1, den}
    rooms.unarchive(ada, den)
    assert memberships.one(bo, den)["role"] == "member"


@pytest.mark.parametrize(
    "way", ["comes back", "is added", "registers", "is unbanned", "unarchived"]
)
def test_whoever_comes_into_an_empty_room_owns_it(two_people: Flask, way: str) -> None:
    """Otherwise, nobody could rename or archive it, or remove anybody from it."""
    ada, bo = 1, 2
    room = rooms.create(bo, "Den", "open")
    rooms.remove_member(ada, room, ada)
    if way == "is unbanned":
        accounts.ban(ada, bo)
        accounts.unban(bo)
    else:
        rooms.remove_member(bo, room, bo)
    if way == "comes back":
        rooms.join_open_rooms(bo)
    elif way == "is added":
        rooms.add_member(bo, room, bo)
    elif way == "registers":
        bo = accounts.create("cy", PASSWORD)
    elif way == "unarchived":
        rooms.archive(rooms.OPERATOR, room)
        bo = accounts.create("cy", PASSWORD)
        rooms.unarchive(rooms.OPERATOR, room)
    assert memberships.one(bo, room)["role"] == "owner"
    rooms.add_member(ada, room, ada)
    assert memberships.one(ada, room)["role"] == "member"


def test_a_clock_that_was_set_back_adds_nobody_twice(
    two_people: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = rooms.create(1, "Den", "open")
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: datetime(2000, 1, 1))
        rooms.archive(1, room)
    rooms.unarchive(1, room)
    assert {each["id"] for each in memberships.members(1, room)} == {1, 2}


@pytest.mark.parametrize("name", ["TEA", "Ｔea", "𝐓𝐞𝐚", "Tea\u3000", "Теа", "Te\ufe0fa"])
def test_a_room_cannot_have_a_name_that_looks_like_that_of_another(
    two_people: Flask, name: str
) -> None:
    rooms.create(1, "Tea", "open")
    with pytest.raises(Conflict):
        rooms.create(2, name, "open")


@pytest.mark.parametrize("name", ["\u3164", "\ufe0f", "\u2800 \u2800"])
def test_a_name_is_visible(two_people: Flask, name: str) -> None:
    with pytest.raises(Invalid):
        rooms.create(1, name, "open")


def test_nobody_is_in_more_rooms_than_a_page_can_list(
    two_people: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever creates or joins one more is refused. An open room of others leaves these people out."""
    ada, bo = 1, 2
    old, over = (rooms.create(ada, name, "open") for name in ("Old", "Over"))
    for room_id in (old, over):
        rooms.remove_member(bo, room_id, bo)
    rooms.archive(ada, over)
    den = rooms.create(ada, "Den", "closed")
    monkeypatch.setattr(memberships, "MOST_ROOMS", 3)
    cy = accounts.create("cy", PASSWORD)
    assert memberships.ids_of(cy) == {1, old}
    closed = [rooms.create(bo, f"{number}", "closed") for number in (1, 2)]
    new = [1, *closed]
    for refused in (
        lambda: rooms.create(bo, "Mine", "closed"),
        lambda: rooms.create(bo, "Ours", "open"),
        lambda: rooms.add_member(bo, old, bo),
        lambda: rooms.add_member(ada, den, bo),
        lambda: rooms.direct(cy, bo),
        lambda: rooms.direct(bo, cy),
    ):
        with pytest.raises(Conflict, match="bo is already in 3 rooms"):
            refused()
    rooms.remove_member(ada, 1, ada)
    rooms.remove_member(ada, den, ada)
    assert memberships.ids_of(bo) == {*new}
    rooms.add_member(bo, 1, bo)  # Bo is there already
    another = rooms.create(ada, "Another", "open")
    rooms.join_open_rooms(bo)
    monkeypatch.setattr(people_of_chat, "joined_since", lambda _: [bo, cy])
    rooms.unarchive(ada, over)
    assert memberships.ids_of(bo) == {*new} and memberships.ids_of(cy) == {1, old, another}
    rooms.remove_member(bo, closed[0], bo)
    rooms.join_open_rooms(bo)
    assert memberships.ids_of(bo) == {1, old, closed[1]}
