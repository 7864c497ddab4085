"""Accounts: how people register, log in, and leave."""

import re
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError, VerifyMismatchError
from flask import Flask

from final_app.accounts import accounts, invites, passwords, sessions
from final_app.errors import ChatError, Conflict, Forbidden, Invalid, RateLimited, Unauthorized
from final_app.storage.models import db
from final_app.web import login_limit
from final_app.web.login_limit import login_attempt
from tests.final_app.conftest import People
from tests.final_app.rig import PASSWORD, Person, Server, application
from tests.waiting import wait_until

TRIES = 3  # wrong passwords that this module's server lets through


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    chat = Server(tmp_path_factory.mktemp("chat"), CHAT_LIMIT_LOGINS=f"{TRIES} per hour").start()
    yield chat
    chat.stop()


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Flask]:
    """The empty chat in this process, in an application context."""
    app = application(tmp_path)
    with app.app_context():
        yield app


def refusal(work: Callable[[], Any]) -> tuple[type[ChatError], str]:
    with pytest.raises(ChatError) as caught:
        work()
    return caught.type, caught.value.field


# ---- coming in


def test_the_first_visitor_becomes_the_administrator_and_nobody_after_that(
    people: People, server: Server
) -> None:
    ada = people["ada"].tab()
    assert [p["role"] for p in ada.ask("GET", "/api/people")["people"]] == [
        "admin",
        "member",
        "member",
    ]
    stranger = Person(server, "eve")
    assert stranger.get("/first-run").url.endswith("/login")
    token = stranger.token("/login")
    fields = {"username": "eve", "password": PASSWORD, "csrf_token": token}
    stranger.http.post(f"{server.url}/first-run", data=fields)
    assert "eve" not in [p["username"] for p in ada.ask("GET", "/api/people")["people"]]
    ada.leave()


def test_two_first_visitors_at_once_make_one_administrator(inside: Flask) -> None:
    accounts.bootstrap("ada", PASSWORD)
    assert refusal(lambda: accounts.bootstrap("bo", PASSWORD)) == (Conflict, "")
    with pytest.raises(Unauthorized):
        sessions.authenticate("bo", PASSWORD)


def test_an_invite_lets_in_so_many_people_and_so_long(inside: Flask) -> None:
    ada = accounts.bootstrap("ada", PASSWORD)
    code = invites.create(ada)["code"]
    bo = accounts.register("bo", PASSWORD, code, open_to_all=False)
    assert refusal(lambda: invites.create(bo)) == (Forbidden, "")  # not an administrator
    for spoil in ("uses_left = 0", "uses_left = 5, expires_at = '2020-01-01 00:00:00.000000'"):
        _sql(inside, f"UPDATE invites SET {spoil}")
        assert refusal(lambda: accounts.register("cy", PASSWORD, code, open_to_all=False)) == (
            Forbidden, "invite",
        )  # fmt: skip
    for unknown in ("", "made-up", code[:-1]):
        assert refusal(lambda: accounts.register("cy", PASSWORD, unknown, open_to_all=False)) == (  # noqa: B023
            Forbidden, "invite",
        )  # fmt: skip
    _sql(inside, "UPDATE invites SET uses_left = 1, expires_at = '2999-01-01 00:00:00.000000'")
    accounts.register("cy", PASSWORD, code, open_to_all=False)
    with pytest.raises(Forbidden):
        accounts.register("dee", PASSWORD, code, open_to_all=False)


def test_a_name_that_is_refused_uses_no_invite_up(inside: Flask) -> None:
    code = invites.create(accounts.bootstrap("ada", PASSWORD))["code"]
    with pytest.raises(Conflict):
        accounts.register("ada", PASSWORD, code, open_to_all=False)
    assert set(_sql(inside, "SELECT uses_left FROM invites")) == {(invites.USES,)}


@pytest.mark.parametrize(("open_to_all", "status"), [("1", 302), ("0", 403)])
def test_without_an_invite_one_registers_only_where_it_is_open(
    tmp_path: Path, open_to_all: str, status: int
) -> None:
    app = application(tmp_path, CHAT_OPEN_REGISTRATION=open_to_all)
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        accounts.bootstrap("ada", PASSWORD)
    browser = app.test_client()
    answer = browser.post("/register", data={"username": "bo", "password": PASSWORD})
    assert answer.status_code == status
    assert (browser.get_cookie("chat_session") is not None) is (status == 302)


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_invite_that_lets_nobody_in_says_so_before_the_form_is_filled_in(
    inside: Flask, method: str
) -> None:
    code = invites.create(accounts.bootstrap("ada", PASSWORD))["code"]
    inside.config["WTF_CSRF_ENABLED"] = False

    def page(invite: str) -> tuple[int, str]:
        name = {"username": "Not a name", "password": PASSWORD}
        ask = getattr(inside.test_client(), method)
        answer = ask(f"/register?invite={invite}", **({"data": name} if method == "post" else {}))
        assert "You need an invite" not in answer.text
        return answer.status_code, answer.text

    good = page(code)
    assert good[0] == (200 if method == "get" else 400)
    assert 'name="username"' in good[1] and "doesn't work" not in good[1]
    for spoil, invite in (
        ("uses_left = 0", code),
        ("uses_left = 1, expires_at = '2020-01-01 00:00:00.000000'", code),
        ("expires_at = '2999-01-01 00:00:00.000000'", code[:-1]),
    ):
        _sql(inside, f"UPDATE invites SET {spoil}")
        status, shown = page(invite)
        assert status == 403 and 'name="username"' not in shown
        assert "This invite doesn't work" in shown and "for a new link" in shown
    invites.revoke(code)
    assert page(code)[0] == 403


def test_who_comes_without_an_invite_is_told_whom_to_ask(inside: Flask) -> None:
    accounts.bootstrap("ada", PASSWORD)
    inside.config["WTF_CSRF_ENABLED"] = False
    name = {"username": "bo", "password": PASSWORD}
    alone = inside.test_client().post("/register", data=name)
    assert alone.status_code == 403 and 'name="username"' not in alone.text
    assert "You need an invite" in alone.text and "new link" not in alone.text
    before = inside.test_client().get("/register")  # nobody fills in a form in vain
    assert before.status_code == 403 and "You need an invite" in before.text


def test_where_everybody_may_register_the_form_asks_for_no_invite(tmp_path: Path) -> None:
    app = application(tmp_path, CHAT_OPEN_REGISTRATION="1")
    with app.app_context():
        accounts.bootstrap("ada", PASSWORD)
    for address in ("/register", "/register?invite=made-up"):
        shown = app.test_client().get(address)
        assert shown.status_code == 200 and 'name="username"' in shown.text


def test_one_address_registers_only_so_often(tmp_path: Path) -> None:
    app = application(tmp_path, CHAT_OPEN_REGISTRATION="1", CHAT_LIMIT_LOGINS_ADDRESS="3 per hour")
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        accounts.bootstrap("ada", PASSWORD)
    tries = [
        app.test_client()
        .post("/register", data={"username": name, "password": "short"})
        .status_code
        for name in ("bo", "cy", "dee", "eve")
    ]
    assert tries == [400, 400, 400, 429]


def test_somebody_logs_in_only_so_often_even_with_the_right_password(tmp_path: Path) -> None:
    """To check a password takes a third of a second, so it costs as much as ten other actions."""
    app = application(tmp_path, CHAT_LIMIT_ACTIONS="20 per hour")
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        for name in ("ada", "bo"):
            accounts.create(name, PASSWORD)
    tries = [
        app.test_client().post("/login", data={"username": name, "password": PASSWORD}).status_code
        for name in ("ada", "ada", "ada", "bo")
    ]
    assert tries == [302, 302, 429, 302]


@pytest.mark.parametrize("name", ["", " ", "x" * 31, "a b", "ä", "-a", "a-", ".a", "a/b", "a\x00b",
                                  "<b>", "١", "ａ", "deleted-1-"])  # fmt: skip
def test_a_username_is_plain(inside: Flask, name: str) -> None:
    assert refusal(lambda: accounts.create(name, PASSWORD)) == (Invalid, "username")


def test_a_username_is_taken_however_it_is_written(inside: Flask) -> None:
    accounts.bootstrap("ada", PASSWORD)
    for same in ("ada", "ADA", "  Ada "):
        assert refusal(lambda: accounts.create(same, PASSWORD)) == (Conflict, "username")  # noqa: B023
    accounts.create("a.d-a_1", PASSWORD)
    assert sessions.authenticate("  ADA ", PASSWORD)[0] == 1


def test_a_password_is_neither_short_nor_endless(inside: Flask) -> None:
    for wrong in ("", "x" * 7, "x" * 201):
        assert refusal(lambda: accounts.create("ada", wrong)) == (Invalid, "password")  # noqa: B023
    accounts.create("bo", "ß" * 200)
    sessions.authenticate("bo", "ß" * 200)
    with pytest.raises(Unauthorized):
        sessions.authenticate("bo", "ß" * 201)  # not cut off and compared


def test_a_password_is_stored_as_an_expensive_hash(
    inside: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher())  # as shipped
    accounts.create("bo", PASSWORD)
    (kept,) = _sql(inside, "SELECT password_hash FROM users")[0]
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")  # RFC 9106, 64 MiB


# ---- proving who one is


def test_an_unknown_name_and_a_wrong_password_are_answered_alike(
    people: People, server: Server
) -> None:
    known, unknown = (Person(server, name).log_in("not the password") for name in ("bo", "zoe"))
    assert known.status_code == unknown.status_code == 401
    pages = [re.sub(r'(value|content)="[^"]*"', "", each.text) for each in (known, unknown)]
    assert pages[0] == pages[1]
    assert "Wrong name or password" in pages[0]


@pytest.mark.parametrize("name", ["ada", "nobody", "banned"])
def test_every_log_in_hashes_once(
    inside: Flask, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The time must not reveal which names exist."""
    accounts.bootstrap("ada", PASSWORD)
    accounts.deactivate(accounts.create("banned", PASSWORD), "banned")
    hashed: list[str] = []
    match = passwords.verify
    monkeypatch.setattr(
        passwords, "verify", lambda digest, word: hashed.append(digest) or match(digest, word)
    )
    with pytest.raises(Unauthorized, match="Wrong name or password"):
        sessions.authenticate(name, PASSWORD if name != "ada" else "wrong password")
    assert len(hashed) == 1
    assert hashed[0].split("$")[:4] == passwords.DUMMY_HASH.split("$")[:4]  # as dear as any other


def test_the_hash_of_nobody_is_compared_to_its_end() -> None:
    """A malformed hash would be rejected at once, which would reveal that nobody has the name."""
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(passwords.DUMMY_HASH, PASSWORD)
    with pytest.raises(VerificationError, match="Decoding failed"):
        PasswordHasher().verify(passwords.DUMMY_HASH[:-2], PASSWORD)


def test_wrong_passwords_are_counted_by_name_and_right_ones_are_not(
    people: People, server: Server
) -> None:
    cy = Person(server, "cy")
    for _ in range(TRIES + 2):
        assert cy.log_in().ok
        cy.form("/logout", page="/account")
    tries = [cy.log_in(f"wrong {number}").status_code for number in range(TRIES)]
    assert tries == [401] * TRIES
    answers = [cy.log_in(password) for password in ("wrong", PASSWORD)]
    assert [each.status_code for each in answers] == [429, 429]
    assert "doing this too often" in answers[0].text
    assert Person(server, " CY ").log_in().status_code == 429  # the same name
    assert Person(server, "ada").log_in().ok  # another one


def test_many_tries_at_once_are_counted_too(people: People, server: Server) -> None:
    """Each of them begins before the first one has failed."""
    crowd = [Person(server, "mallory") for _ in range(8)]
    tokens = [each.token("/login") for each in crowd]

    def attempt(person: Person, token: str) -> int:
        fields = {"username": "mallory", "password": "a wrong one", "csrf_token": token}
        return person.http.post(f"{server.url}/login", data=fields).status_code

    with ThreadPoolExecutor(len(crowd)) as pool:
        statuses = list(pool.map(attempt, crowd, tokens))
    assert sorted(statuses) == [401] * TRIES + [429] * (len(crowd) - TRIES)


def test_the_right_guess_among_too_many_at_once_lets_nobody_in(tmp_path: Path) -> None:
    """It comes while another one is being hashed, which fails and counts before this one begins."""
    app = application(tmp_path, CHAT_LIMIT_LOGINS="1 per hour")
    both_are_there = threading.Event()

    def guess_right() -> None:
        with app.test_request_context("/login"), login_attempt("ada"):
            pass

    def guess_wrong() -> None:
        with app.test_request_context("/login"), login_attempt("ada"):
            both_are_there.wait(10)
            raise Unauthorized("Wrong name or password.")

    guess_right()  # alone, it is let in
    with ThreadPoolExecutor() as pool:
        wrong = pool.submit(guess_wrong)
        wait_until(lambda: waiting() == 1)
        right = pool.submit(guess_right)
        wait_until(lambda: waiting() == 2)
        both_are_there.set()
        with pytest.raises(Unauthorized):
            wrong.result(10)
        with pytest.raises(RateLimited):
            right.result(10)


def waiting() -> int:
    """Return how many attempts are being made or wait for their turn."""
    return sum(turn.count for turn in list(login_limit._turns._turns.values()))


def test_the_password_is_guarded_on_the_account_page_as_well(
    people: People, server: Server
) -> None:
    """Otherwise, somebody with a stolen cookie could try thousands of passwords."""
    pat = Person(server, "pat").register(people["ada"].invite())
    for _ in range(TRIES):
        wrong = pat.form("/account/delete", page="/account", password="a wrong one")
        assert wrong.status_code == 403
    right = pat.form("/account/delete", page="/account", password=PASSWORD)
    new = {"current": PASSWORD, "password": "another one"}
    changed = pat.form("/account/password", page="/account", **new)
    for answer, form in ((right, "delete"), (changed, "password")):
        assert answer.status_code == 429
        found = re.search(rf'action="account/{form}".*?</form>', answer.text, re.DOTALL)
        assert found and "Try again in" in found[0]  # the form shows it, as the login form does
    pat.connect()
    assert pat.say(1, "Still here")["ok"]
    pat.leave()


# ---- where one is logged in


def test_log_ins_are_listed_and_ended_one_by_one(people: People, server: Server) -> None:
    quin = Person(server, "quin").register(people["ada"].invite())
    other = Person(server, "quin")
    other.http.headers["User-Agent"] = "Another browser <b>"
    other.log_in()
    page = quin.get("/account").text
    assert "Another browser &lt;b&gt;" in page and "<b>" not in page
    (there,) = set(re.findall(r"account/sessions/(\d+)/end", page)) - set(
        re.findall(r"account/sessions/(\d+)/end", other.get("/account").text)
    ) or set(re.findall(r"account/sessions/(\d+)/end", page))
    assert people["bo"].form(f"/account/sessions/{there}/end", page="/account").status_code == 404
    quin.form(f"/account/sessions/{there}/end", page="/account")
    assert other.call("GET", "/api/people").status_code == 401
    assert quin.call("GET", "/api/people").status_code == 200
    assert "Another browser" not in quin.get("/account").text


def test_a_log_in_number_is_never_given_twice(inside: Flask) -> None:
    """An open socket may still be listed under it after its login has ended."""
    ada = accounts.bootstrap("ada", PASSWORD)
    numbers = []
    for _ in range(3):
        me = sessions.find(sessions.create(ada, "test", "127.0.0.1"))
        assert me and sessions.end_all(ada, "ended") == 1
        numbers.append(me.session_id)
    assert len(set(numbers)) == 3


def test_another_password_ends_the_other_log_ins_and_the_old_password(inside: Flask) -> None:
    ada = accounts.bootstrap("ada", PASSWORD)
    tokens = [sessions.create(ada, "test", "127.0.0.1") for _ in range(2)]
    me = sessions.find(tokens[0])
    assert me is not None
    accounts.set_password(me.id, "another one", keep_session=me.session_id)
    assert sessions.find(tokens[0]) and not sessions.find(tokens[1])
    assert sessions.authenticate("ada", "another one")[0] == ada
    with pytest.raises(Unauthorized):
        sessions.authenticate("ada", PASSWORD)


def test_a_person_has_only_so_many_sessions(inside: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST", 3)
    ada = accounts.bootstrap("ada", PASSWORD)
    tokens = [sessions.create(ada, f"{number}", "127.0.0.1") for number in range(5)]
    me = sessions.find(tokens[-1])
    assert me and [each["user_agent"] for each in sessions.list_of(me)] == ["4", "3", "2"]
    assert [bool(sessions.find(token)) for token in tokens] == [False, False, True, True, True]


def test_a_login_that_is_overtaken_by_another_password_fails(inside: Flask) -> None:
    ada = accounts.bootstrap("ada", PASSWORD)
    _, verified = sessions.authenticate("ada", PASSWORD)
    accounts.set_password(ada, "another one")
    with pytest.raises(Unauthorized):
        sessions.create(ada, "test", "127.0.0.1", verified=verified)
    _, verified = sessions.authenticate("ada", "another one")
    assert sessions.find(sessions.create(ada, "test", "127.0.0.1", verified=verified))


@pytest.mark.parametrize("change", ["name", "password", "delete"])
def test_a_session_that_has_ended_meanwhile_changes_nothing(inside: Flask, change: str) -> None:
    """Checking and hashing passwords takes long enough for somebody else to change the password.

    The owner of an account does that in order to lock out a thief, who must not undo it.
    """
    ada = accounts.bootstrap("ada", PASSWORD)
    accounts.create("bo", PASSWORD, admin=True)
    owner, thief = (sessions.find(sessions.create(ada, "test", "127.0.0.1")) for _ in range(2))
    assert owner and thief
    accounts.check_password(thief, PASSWORD)
    accounts.set_password(ada, "another one", keep_session=owner.session_id)
    changes = {
        "name": lambda: accounts.rename(thief, "Thief"),
        "password": lambda: accounts.set_password(ada, "stolen one", keep_session=thief.session_id),
        "delete": lambda: accounts.delete(thief),
    }
    with pytest.raises(Unauthorized):
        changes[change]()
    assert sessions.authenticate("ada", "another one")[0] == ada
    assert (known := sessions.get(owner.session_id)) and known.name == "ada"


def test_reading_a_page_writes_nothing(inside: Flask) -> None:
    """Otherwise, people who only read would have to wait for every writer."""
    ada = accounts.bootstrap("ada", PASSWORD)
    me = sessions.find(sessions.create(ada, "test", "127.0.0.1"))
    assert me is not None
    before = _sql(inside, "SELECT seen_at FROM sessions")
    sessions.touch(me)
    assert _sql(inside, "SELECT seen_at FROM sessions") == before
    late = sessions.Identity(
        me.id, me.username, me.name, me.role, me.session_id, me.seen_at - 2 * sessions.TOUCH_EVERY
    )
    sessions.touch(late)
    assert _sql(inside, "SELECT seen_at FROM sessions") > before


def test_a_page_that_only_uses_its_socket_keeps_its_log_in(people: People, server: Server) -> None:
    """What writes anyway also stores the use. What does not write, such as `typing`, never waits."""
    ada = people["ada"].tab()
    for event, data, is_use in (
        ("sync", {"rooms": {}}, False), ("typing", {"room": 1, "on": False}, False),
        ("mark_read", {"room": 1, "seq": 1}, True),
        ("new_message", {"room": 1, "client_id": str(uuid.uuid4()), "text": "Still here"}, True),
    ):  # fmt: skip
        server.sql("UPDATE sessions SET seen_at = datetime('now', '-1 day') WHERE user_id = 1")
        before = server.sql("SELECT max(seen_at) FROM sessions WHERE user_id = 1")
        assert ada.emit(event, data)["ok"]
        after = server.sql("SELECT max(seen_at) FROM sessions WHERE user_id = 1")
        assert (after > before) is is_use, event
    ada.leave()


# ---- going


def test_a_deleted_account_frees_its_name_and_leaves_its_messages(
    people: People, server: Server
) -> None:
    ada = people["ada"]
    rex = Person(server, "rex").register(ada.invite())
    rex.connect()
    said = rex.say(1, "I was here")["message"]
    assert rex.form("/account/delete", page="/account", password="not it").status_code == 403
    assert rex.form("/account/delete", page="/account", password=PASSWORD).url.endswith("/login")
    (left,) = [each for each in ada.history(1) if each["id"] == said["id"]]
    assert (left["text"], left["author"]["name"]) == ("I was here", "Deleted account")
    assert Person(server, "rex").log_in().status_code == 401
    again = Person(server, "rex").register(ada.invite())
    assert again.connect()["me"]["id"] != said["author"]["id"]
    assert again.emit("delete_message", {"id": said["id"]})["error"]["code"] == "forbidden"
    again.leave()


def test_the_last_administrator_cannot_go(inside: Flask) -> None:
    ada = accounts.bootstrap("ada", PASSWORD)
    bo = accounts.create("bo", PASSWORD)
    for status in ("deleted", "banned"):
        assert refusal(lambda: accounts.deactivate(ada, status)) == (Conflict, "")  # noqa: B023
    second = accounts.create("cy", PASSWORD, admin=True)
    assert accounts.deactivate(ada, "deleted") == 0
    assert refusal(lambda: accounts.deactivate(second, "deleted")) == (Conflict, "")
    accounts.deactivate(bo, "banned")


def _sql(app: Flask, statement: str) -> list[Any]:
    with sqlite3.connect(app.config["CHAT"].data_dir / "chat.db", timeout=20) as connection:
        found = connection.execute(statement).fetchall()
    connection.close()
    db.session.rollback()  # what it has read may have changed
    return found


def test_the_first_page_shows_a_link_to_invite_the_others_until_one_has_come(
    tmp_path: Path,
) -> None:
    chat = Server(tmp_path).start()
    try:
        ada = Person(chat, "ada").begin()
        (code,) = re.findall(r'id="first-invite"[^>]*invite=([\w-]+)', ada.get("/").text)
        Person(chat, "bo").register(code)
        assert 'id="first-invite"' not in ada.get("/").text
    finally:
        chat.stop()
