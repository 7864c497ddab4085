"""Closed rooms: a person who is not in one cannot find out that it exists."""

import re

import pytest
from flask import Flask

from final_app.accounts import sessions
from final_app.chat import memberships, rooms
from final_app.chat.rooms import OPERATOR
from final_app.errors import Conflict

SECRET = "Secret plans"
WITH_SUFFIX = re.compile(r"secret-plans-[0-9a-f]{8}")
pytestmark = pytest.mark.usefixtures("two_people")

ADA, BO = 1, 2


def slug(user_id: int, room_id: int) -> str:
    return str(memberships.one(user_id, room_id)["slug"])


@pytest.mark.parametrize("kind", rooms.KINDS)
@pytest.mark.parametrize(("owner", "other"), [(ADA, BO), (BO, ADA)])
def test_a_new_room_can_have_the_name_of_a_closed_room_of_others(
    owner: int, other: int, kind: str
) -> None:
    """This also applies to administrators: closed rooms are closed to them, too."""
    rooms.create(owner, SECRET, "closed")
    mine = rooms.create(other, SECRET.upper(), kind)
    assert memberships.one(other, mine)["name"] == SECRET.upper()


@pytest.mark.parametrize("hidden", [True, False])
def test_the_address_of_a_new_room_is_the_same_with_and_without_a_closed_room_of_its_name(
    hidden: bool,
) -> None:
    if hidden:
        rooms.create(ADA, SECRET, "closed")
    assert WITH_SUFFIX.fullmatch(slug(BO, rooms.create(BO, SECRET, "closed")))
    rooms.archive(BO, rooms.create(BO, "Other", "closed"))
    assert slug(BO, rooms.create(BO, "secret PLANS!", "open")) == "secret-plans"


def test_an_open_room_whose_address_is_taken_gets_a_suffix_that_counts_nothing() -> None:
    slugs = [slug(BO, rooms.create(BO, name, "open")) for name in ("Tea & Co", "Tea-Co", "tea, co")]
    assert slugs[0] == "tea-co" and len(set(slugs)) == 3
    assert all(re.fullmatch(r"tea-co-[0-9a-f]{8}", each) for each in slugs[1:])


def test_a_room_can_be_renamed_to_the_name_of_a_closed_room_of_others() -> None:
    rooms.create(ADA, SECRET, "closed")
    mine = rooms.create(BO, "Mine", "closed")
    rooms.rename(BO, mine, SECRET)
    assert memberships.one(BO, mine)["name"] == SECRET


def test_an_archived_room_comes_back_beside_a_closed_room_of_others() -> None:
    mine = rooms.create(BO, SECRET, "closed")
    rooms.archive(BO, mine)
    rooms.create(ADA, SECRET, "closed")
    rooms.unarchive(BO, mine)
    assert not memberships.one(BO, mine)["archived"]


@pytest.mark.parametrize("kind", rooms.KINDS)
def test_a_name_is_taken_by_open_rooms_and_by_rooms_of_your_own(kind: str) -> None:
    """This includes an open room that you have left, because you can still find it in the list."""
    rooms.create(BO, SECRET, "closed")
    left = rooms.create(ADA, "Square", "open")
    rooms.remove_member(BO, left, BO)
    old = rooms.create(BO, "Old", "closed")
    for taken in ("secret PLANS", "square"):
        with pytest.raises(Conflict):
            rooms.create(BO, taken, kind)
        with pytest.raises(Conflict):
            rooms.rename(BO, old, taken)
    rooms.archive(BO, old)
    rooms.create(BO, "Old", kind)
    with pytest.raises(Conflict):
        rooms.unarchive(BO, old)


def test_for_a_command_every_room_counts() -> None:
    """Whoever can run commands can list all rooms."""
    rooms.create(ADA, SECRET, "closed")
    mine = rooms.create(BO, "Mine", "closed")
    with pytest.raises(Conflict):
        rooms.rename(OPERATOR, mine, SECRET)


def test_over_http_a_closed_room_and_no_room_look_the_same(two_people: Flask) -> None:
    browser = two_people.test_client()
    headers = {"Authorization": f"Bearer {sessions.create(BO, 'test', '127.0.0.1')}"}
    den = rooms.create(ADA, SECRET, "closed")
    made = [
        browser.post("/rooms", json={"name": name, "kind": "closed"}, headers=headers)
        for name in (SECRET, "Something else")
    ]
    assert [each.status_code for each in made] == [201, 201]
    for there, not_there in [
        ("/r/secret-plans", "/r/nowhere"), (f"/r/{slug(ADA, den)}", "/r/nowhere"),
        (f"/api/rooms/{den}/members", "/api/rooms/9999/members"),
    ]:  # fmt: skip
        pages = [browser.get(path, headers=headers) for path in (there, not_there)]
        assert pages[0].status_code == pages[1].status_code == 404
        assert pages[0].text.replace(there[1:], not_there[1:]) == pages[1].text
