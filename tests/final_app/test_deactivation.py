"""Banning and deleting an account have common rules. One administrator always remains."""

import pytest
from flask import Flask

from final_app.accounts import accounts, invites, sessions
from final_app.chat import memberships, people, rooms
from final_app.errors import Conflict, Forbidden, NotFound, Unauthorized
from final_app.lib import clock
from tests.final_app.rig import PASSWORD

pytestmark = pytest.mark.usefixtures("two_people")

ADA, BO = 1, 2
STATUSES = ("banned", "deleted")
LAST = "This is the only administrator. Make someone else an administrator first."


@pytest.mark.parametrize("status", STATUSES)
def test_sessions_end_and_rooms_are_left(status: str) -> None:
    den = rooms.create(BO, "Den", "closed")
    rooms.add_member(BO, den, ADA)
    direct = rooms.direct(ADA, BO)
    tokens = [sessions.create(BO, "test", "127.0.0.1") for _ in range(2)]
    assert accounts.deactivate(BO, status) == len(tokens)
    assert [sessions.find(token) for token in tokens] == [None, None]
    assert memberships.ids_of(BO) == {direct}
    assert memberships.one(ADA, den)["role"] == "owner"  # Bo's successor
    assert [person["id"] for person in people.everybody()] == [ADA]
    with pytest.raises(Unauthorized):
        sessions.authenticate("bo", PASSWORD)
    with pytest.raises(NotFound):
        people.get_active(BO)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("former", ["never one", "banned", "deleted"])
def test_the_last_administrator_stays(status: str, former: str) -> None:
    """An administrator who is banned or deleted does not count."""
    if former != "never one":
        accounts.set_role(BO, "admin")
        accounts.deactivate(BO, former)
    token = sessions.create(ADA, "test", "127.0.0.1")
    with pytest.raises(Conflict) as caught:
        accounts.deactivate(ADA, status)
    assert caught.value.message == LAST
    assert sessions.find(token)
    assert memberships.ids_of(ADA)


@pytest.mark.parametrize("status", STATUSES)
def test_one_of_two_administrators_can_go(status: str) -> None:
    accounts.set_role(BO, "admin")
    accounts.deactivate(ADA, status)
    assert accounts.first_admin() == BO
    with pytest.raises(Conflict):
        accounts.deactivate(BO, status)


def test_the_pages_protect_the_last_administrator(two_people: Flask) -> None:
    headers = {"Authorization": f"Bearer {sessions.create(ADA, 'test', '127.0.0.1')}"}
    browser = two_people.test_client()
    deleted = browser.post("/account/delete", data={"password": PASSWORD}, headers=headers)
    assert deleted.status_code == 409 and LAST in deleted.text
    banned = browser.post(f"/api/people/{ADA}/ban", headers=headers)
    assert banned.status_code == 400
    assert people.get_active(ADA).role == "admin"


def test_a_ban_can_be_lifted_and_a_deletion_cannot() -> None:
    accounts.deactivate(BO, "banned")
    accounts.unban(BO)
    assert sessions.authenticate("bo", PASSWORD)[0] == BO
    accounts.deactivate(BO, "deleted")
    with pytest.raises(Conflict):
        accounts.unban(BO)


@pytest.mark.parametrize("status", ["banned", "active"])
def test_an_account_can_be_deleted_also_while_it_is_banned(status: str) -> None:
    if status == "banned":
        accounts.deactivate(BO, status)
    accounts.deactivate(BO, "deleted")
    assert accounts.create("bo", PASSWORD) != BO


def test_the_invites_of_somebody_who_is_gone_let_nobody_in() -> None:
    codes = invites_of_both()
    accounts.deactivate(BO, "deleted")
    assert [lets_in(codes[user_id]) for user_id in (ADA, BO)] == [True, False]


def test_after_a_ban_no_old_invite_lets_anybody_in() -> None:
    """The banned person may know any of them."""
    codes = invites_of_both()
    accounts.ban(ADA, BO)
    assert [lets_in(codes[user_id]) for user_id in (ADA, BO)] == [False, False]
    assert lets_in(invites.create(ADA)["code"])


def test_the_invites_of_a_former_administrator_let_nobody_in() -> None:
    codes = invites_of_both()
    accounts.set_role(BO, "member")
    assert [lets_in(codes[user_id]) for user_id in (ADA, BO)] == [True, False]


def invites_of_both() -> dict[int, str]:
    """Make Bo an administrator, too, and return the code of an invite of each."""
    accounts.set_role(BO, "admin")
    return {user_id: invites.create(user_id)["code"] for user_id in (ADA, BO)}


def lets_in(code: str) -> bool:
    """Return whether somebody can register with this invite."""
    try:
        accounts.register(f"guest-{clock.short_token()}", PASSWORD, code, open_to_all=False)
    except Forbidden:
        return False
    return True
