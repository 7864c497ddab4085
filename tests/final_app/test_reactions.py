"""Reactions, moderation and notification levels: small changes that everybody sees immediately."""

from collections.abc import Callable
from typing import Any

import pytest

from final_app.chat import reactions
from tests.final_app.conftest import People
from tests.final_app.rig import Person, Server

Room = Callable[..., int]

EMOJI = ["👍", "❤️", "👍🏽", "👩‍👩‍👧‍👦", "🇩🇪", "🏴‍☠️", "1️⃣", "#️⃣", "☕", "✅",
         "‼️", "ℹ️", "↔️", "🫨", "🫩"]  # fmt: skip
NO_EMOJI = ["", "a", "1", "👍a", "<b>", "👍" * 11, "\u200d", "\ufe0f", "😀 ", "1a️⃣", "Ä", "🙂\x00", "‼",
            "!\ufe0f", "a\ufe0f", "\u2028\ufe0f", "\u202e\ufe0f"]  # fmt: skip


def code(answer: dict[str, Any]) -> str:
    return "ok" if answer["ok"] else str(answer["error"]["code"])


@pytest.mark.parametrize("text", EMOJI)
def test_an_emoji_is_one(text: str) -> None:
    assert reactions.is_emoji(text)


@pytest.mark.parametrize("text", NO_EMOJI)
def test_other_text_is_no_emoji(text: str) -> None:
    assert not reactions.is_emoji(text)


def test_a_reaction_is_seen_by_everybody_in_the_room(people: People, room: Room) -> None:
    ada, bo, cy = (people[name] for name in ("ada", "bo", "cy"))
    place = room("Reactions", "bo")
    said = ada.say(place, "Cake?")["message"]
    bo.told(), cy.told()
    first = bo.emit("react", {"id": said["id"], "emoji": "🍰", "on": True})["message"]
    assert first["reactions"] == [{"emoji": "🍰", "people": [bo.id]}]
    assert (first["rev"], first["seq"]) == (
        said["rev"] + 1,
        said["seq"],
    ) and "edited_at" not in first
    assert ada.told("message_changed") == [first]
    assert cy.told("message_changed") == []
    ada.emit("react", {"id": said["id"], "emoji": "👍", "on": True})
    both = ada.emit("react", {"id": said["id"], "emoji": "🍰", "on": True})["message"]
    assert both["reactions"] == [
        {"emoji": "🍰", "people": [bo.id, ada.id]}, {"emoji": "👍", "people": [ada.id]},
    ]  # fmt: skip
    left = bo.emit("react", {"id": said["id"], "emoji": "🍰", "on": False})["message"]
    assert left["reactions"][-1] == {"emoji": "🍰", "people": [ada.id]} or left["reactions"][0] == {
        "emoji": "🍰",
        "people": [ada.id],
    }


def test_the_same_reaction_twice_changes_nothing(people: People, room: Room) -> None:
    ada, place = people["ada"], room("Twice")
    said = ada.say(place, "Once")["message"]
    first = ada.emit("react", {"id": said["id"], "emoji": "👍", "on": True})["message"]
    ada.told()
    again = ada.emit("react", {"id": said["id"], "emoji": "👍", "on": True})["message"]
    assert again == first and ada.told("message_changed") == []
    ada.emit("react", {"id": said["id"], "emoji": "👍", "on": False})
    off = ada.emit("react", {"id": said["id"], "emoji": "👍", "on": False})["message"]
    assert "reactions" not in off and off["rev"] == first["rev"] + 1


def test_a_reaction_that_was_missed_comes_by_sync(people: People, room: Room) -> None:
    ada, place = people["ada"], room("Missed")
    said = ada.say(place, "Hello")["message"]
    ada.emit("react", {"id": said["id"], "emoji": "👍", "on": True})
    (change,) = ada.emit("sync", {"rooms": {str(place): said["rev"]}})["rooms"][str(place)][
        "changes"
    ]
    assert change["reactions"] == [{"emoji": "👍", "people": [ada.id]}]


def test_a_reaction_has_limits(people: People, room: Room) -> None:
    ada, place = people["ada"], room("Limits")
    said = ada.say(place, "Hello")["message"]
    emoji = [chr(0x1F600 + number) for number in range(21)]
    answers = [ada.emit("react", {"id": said["id"], "emoji": e, "on": True}) for e in emoji]
    assert [code(answer) for answer in answers] == ["ok"] * 20 + ["invalid"]
    for wrong in ("x", 1, None):
        refused = ada.emit("react", {"id": said["id"], "emoji": wrong, "on": True})
        assert code(refused) == "invalid" and refused["error"]["field"] == "emoji"
    ada.emit("delete_message", {"id": said["id"]})
    gone = ada.emit("react", {"id": said["id"], "emoji": "👍", "on": True})
    assert code(gone) == "not_found"
    assert "reactions" not in ada.history(place)[-1]


def test_nobody_reacts_in_an_archived_room(people: People, room: Room) -> None:
    ada, place = people["ada"], room("Over")
    said = ada.say(place, "Hello")["message"]
    ada.ask("DELETE", f"/rooms/{place}")
    assert code(ada.emit("react", {"id": said["id"], "emoji": "👍", "on": True})) == "forbidden"


# ---- moderation


def test_owner_and_administrator_delete_what_others_said_and_nobody_edits_it(
    people: People, room: Room, server: Server
) -> None:
    ada, bo, cy = (people[name] for name in ("ada", "bo", "cy"))
    theirs = bo.ask("POST", "/rooms", {"name": "Moderated", "kind": "closed"})["room"]["id"]
    for person in (ada, cy):
        bo.ask("PUT", f"/rooms/{theirs}/members/{person.id}")
    one, two, three = (cy.say(theirs, text)["message"]["id"] for text in ("one", "two", "three"))
    assert code(bo.emit("edit_message", {"id": one, "text": "ONE"})) == "forbidden"
    assert code(ada.emit("edit_message", {"id": one, "text": "ONE"})) == "forbidden"
    assert bo.emit("delete_message", {"id": one})["message"]["deleted"]  # owns the room
    assert ada.emit("delete_message", {"id": two})["message"]["deleted"]  # administers
    mine = bo.say(theirs, "mine")["message"]["id"]
    assert code(cy.emit("delete_message", {"id": mine})) == "forbidden"
    assert [m.get("text") for m in cy.history(theirs)] == [None, None, "three", "mine"]
    seen = {who: _room(people[who], theirs)["can_moderate"] for who in ("ada", "bo", "cy")}
    assert seen == {"ada": True, "bo": True, "cy": False}
    bo.ask("DELETE", f"/rooms/{theirs}/members/{ada.id}")
    assert code(ada.emit("delete_message", {"id": three})) == "not_found"  # not in it any more


def test_a_ban_from_the_page_shuts_out_at_once_and_is_told(people: People, server: Server) -> None:
    ada, bo = people["ada"], people["bo"]
    eve = Person(server, "eve").register(ada.invite())
    eve.connect()
    assert code(bo.ask("POST", f"/api/people/{eve.id}/ban")) == "forbidden"
    assert code(ada.ask("POST", f"/api/people/{ada.id}/ban")) == "invalid"
    bo.told()
    assert code(ada.ask("POST", f"/api/people/{eve.id}/ban")) == "ok"
    assert ("session_ended", {"reason": "banned"}) in eve.ending()
    assert [each["user_id"] for each in bo.told("person_gone")] == [eve.id]
    assert eve.log_in().status_code == 401
    assert eve.id not in [p["id"] for p in bo.ask("GET", "/api/people")["people"]]


# ---- what one wants to hear


def test_a_notify_level_is_ones_own_and_told_to_ones_other_tabs(people: People, room: Room) -> None:
    ada, bo, place = people["ada"], people["bo"], room("Noise", "bo")
    tab = bo.tab()
    ada.told(), tab.told()
    answer = bo.ask("PUT", f"/api/rooms/{place}/notify", {"level": "mentions"})
    assert answer["room"]["notify"] == "mentions"
    (told,) = tab.told("room_changed")
    assert (told["room"]["id"], told["room"]["notify"]) == (place, "mentions")
    assert ada.told("room_changed") == [] and _room(ada, place)["notify"] == "all"
    for wrong in ("loud", "", None, 1):
        refused = bo.ask("PUT", f"/api/rooms/{place}/notify", {"level": wrong})
        assert code(refused) == "invalid" and refused["error"]["field"] == "level"
    assert _room(bo, place)["notify"] == "mentions"
    tab.leave()


def _room(person: Person, room: int) -> dict[str, Any]:
    """Return a room as a new tab of this person receives it."""
    tab = Person(person.server, person.name)
    tab.http = person.http
    (found,) = [each for each in tab.connect()["rooms"] if each["id"] == room]
    tab.leave()
    assert isinstance(found, dict)
    return found
