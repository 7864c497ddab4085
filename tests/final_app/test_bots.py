"""Bots, which are people with a token, and the hook, with which one request sends a message."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from final_app import config
from final_app.accounts import accounts
from tests.final_app.conftest import People
from tests.final_app.rig import ANSWER_TIMEOUT, PASSWORD, Person, Server, application


class Bot:
    """A program that sends its token with every request and stores no cookies."""

    def __init__(self, server: Server, token: str) -> None:
        self.server = server
        self.headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, data: object = None) -> requests.Response:
        return requests.request(
            method, self.server.url + path, json=data, headers=self.headers, timeout=ANSWER_TIMEOUT
        )

    def say(self, room: object, text: object, **more: Any) -> requests.Response:
        return self.call("POST", "/hooks", {"room": room, "text": text} | more)

    def upload(self, room: int, name: str, content: bytes) -> str:
        """Upload a file, and return its id."""
        answer = requests.post(
            f"{self.server.url}/api/uploads", data={"room": room}, files={"file": (name, content)},
            headers=self.headers, timeout=ANSWER_TIMEOUT,
        )  # fmt: skip
        return str(answer.json()["upload"]["id"])


@pytest.fixture(scope="module")
def bot(server: Server, people: People) -> Iterator[Bot]:
    made = server.run("bots", "create", "robin")
    token = re.search(r"[\w-]{43}", made.stdout)
    assert token, made
    yield Bot(server, token.group())


def test_a_bot_says_something_in_one_request(people: People, bot: Bot) -> None:
    ada = people["ada"]
    ada.told()
    answer = bot.say("general", "The build is **green**, @ada")
    assert answer.status_code == 201 and not answer.json()["duplicate"]
    told = ada.hear("new_message")
    assert told == answer.json()["message"]
    assert told["author"]["name"] == "robin"
    assert told["mentions"] == [ada.id] and "<strong>" in told["html"]
    assert bot.say(1, "by number").status_code == 201


def test_the_same_client_id_is_said_once(people: People, bot: Bot) -> None:
    number = str(uuid.uuid4())
    first, second = (bot.say(1, "Once", client_id=number).json() for _ in range(2))
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert first["message"] == second["message"]


def test_a_hook_can_reply_and_send_files(people: People, bot: Bot) -> None:
    ada = people["ada"]
    asked = ada.say(1, "Is it built?")["message"]
    ada.told()
    log = bot.upload(1, "build.log", b"Everything is green.")
    answer = bot.say("general", "Yes:", reply_to=asked["id"], uploads=[log])
    assert answer.status_code == 201, answer.text
    told = ada.hear("new_message")
    assert told == answer.json()["message"]
    assert told["reply_to"]["text"] == "Is it built?"
    assert [each["filename"] for each in told["uploads"]] == ["build.log"]
    assert ada.get(f"/files/{log}").content == b"Everything is green."


def test_a_hook_is_told_which_reply_and_which_files_are_impossible(
    people: People, bot: Bot
) -> None:
    of_ada = people["ada"].upload(1, "a.txt", b"Hers")["upload"]["id"]
    too_many = [str(number) for number in range(config.read({}).uploads_per_message + 1)]
    for more, field in (
        ({"reply_to": 10**6}, "reply_to"), ({"reply_to": "1"}, "reply_to"),
        ({"uploads": [of_ada]}, "uploads"), ({"uploads": too_many}, "uploads"),
    ):  # fmt: skip
        answer = bot.say(1, "x", **more)
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, field), more


def test_a_bot_hears_and_says_only_where_it_was_let_in(people: People, bot: Bot) -> None:
    ada = people["ada"]
    den = ada.ask("POST", "/rooms", {"name": "Bots not allowed", "kind": "closed"})["room"]
    assert bot.say(den["id"], "x").status_code == bot.say(den["slug"], "x").status_code == 404
    assert bot.call("GET", f"/api/rooms/{den['id']}/messages").status_code == 404
    (robin,) = [p for p in ada.ask("GET", "/api/people")["people"] if p["role"] == "bot"]
    ada.ask("PUT", f"/rooms/{den['id']}/members/{robin['id']}")
    assert bot.say(den["slug"], "Thank you").status_code == 201
    read = bot.call("GET", f"/api/rooms/{den['id']}/messages").json()["messages"]
    assert [each["text"] for each in read] == ["Thank you"]


@pytest.mark.parametrize(
    ("room", "text", "status"),
    [(1, "", 400), (1, None, 400), (None, "x", 400), (True, "x", 400), ("", "x", 404),
     ("nowhere", "x", 404), (10**30, "x", 400), (-1, "x", 400), (1, "x" * 5000, 400), ([1], "x", 400),
     ("\ud800", "x", 400), (1, "\ud800", 400)],
)  # fmt: skip
def test_a_wrong_hook_is_told_what_was_expected(
    bot: Bot, room: object, text: object, status: int
) -> None:
    answer = bot.say(room, text)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]


def test_a_token_is_all_or_nothing(people: People, bot: Bot, server: Server) -> None:
    for headers in (
        {"Authorization": "Bearer made-up"}, {"Authorization": "Bearer"}, {"Authorization": "x"},
        {"Authorization": bot.headers["Authorization"].replace("Bearer", "Basic")}, {},
    ):  # fmt: skip
        other = Bot(server, "")
        other.headers = headers
        assert other.call("GET", "/api/people").status_code == 401, headers
        assert other.say(1, "x").status_code in (400, 401), headers


def test_a_cookie_does_not_help_who_shows_a_wrong_token(people: People, server: Server) -> None:
    """Otherwise, a page could omit the CSRF token by adding any Authorization header."""
    ada = people["ada"]
    answer = ada.http.post(
        f"{server.url}/rooms", json={"name": "Forged", "kind": "open"},
        headers={"Authorization": "Bearer made-up"}, timeout=ANSWER_TIMEOUT,
    )  # fmt: skip
    assert answer.status_code == 401


def test_a_bot_has_no_password_and_no_page(server: Server, bot: Bot) -> None:
    for password in ("", PASSWORD, "x" * 20):
        assert Person(server, "robin").log_in(password).status_code == 401


@pytest.mark.parametrize("password", ["", PASSWORD])
@pytest.mark.parametrize(
    ("path", "field"), [("/account/password", "current"), ("/account/delete", "password")]
)
def test_a_bot_cannot_do_on_the_account_page_what_needs_a_password(
    server: Server, bot: Bot, path: str, field: str, password: str
) -> None:
    log_before = len(server.log)
    answer = requests.post(
        server.url + path, data={field: password, "password": password},
        headers=bot.headers, timeout=ANSWER_TIMEOUT, allow_redirects=False,
    )  # fmt: skip
    assert answer.status_code == 409
    assert "A bot has no password, only a token." in answer.text
    assert bot.say(1, "Still here").status_code == 201
    assert "Traceback" not in "".join(server.log[log_before:])


def test_a_new_token_ends_the_old_one(server: Server, people: People) -> None:
    old, new = (
        re.search(r"[\w-]{43}", server.run("bots", verb, "wren").stdout)
        for verb in ("create", "token")
    )
    assert old and new and old.group() != new.group()
    statuses = [Bot(server, each.group()).say(1, "x").status_code for each in (old, new)]
    assert statuses == [401, 201]


def test_the_page_of_the_interface_names_every_address(people: People) -> None:
    page = people["bo"].get("/api")
    assert page.status_code == 200
    for named in ("/hooks", "/api/search", "/api/uploads", "/rooms/{room_id}", "Authorization"):
        assert named in page.text


def test_every_address_of_the_interface_says_what_it_does(tmp_path_factory: Any) -> None:
    app = application(tmp_path_factory.mktemp("app"))
    views = [
        (rule.rule, app.view_functions[rule.endpoint].__doc__ or "")
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api")
    ]
    assert len(views) > 15
    assert [rule for rule, doc in views if "Answers: " not in doc] == []


def test_a_bots_token_lives_as_long_as_the_bot(tmp_path_factory: Any) -> None:
    app = application(tmp_path_factory.mktemp("app"))
    with app.app_context():
        accounts.bootstrap("ada", PASSWORD)
        number, token = accounts.create_bot("robin")
        accounts.deactivate(number, "banned")
    headers = {"Authorization": f"Bearer {token}"}
    assert app.test_client().get("/api/people", headers=headers).status_code == 401
