"""Everything around a page: headers, cookies, the CSRF token, Origin, and a proxy in front."""

import functools
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
import websocket
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from final_app.accounts import accounts, sessions
from final_app.chat import rooms
from final_app.lib import clock
from final_app.storage.models import Session, db
from tests.final_app.rig import ANSWER_TIMEOUT, PASSWORD, Server, application

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
HTTPS = {"X-Forwarded-Proto": "https", "Referer": "https://localhost/login"}
BELOW = {"X-Forwarded-Prefix": "/team/chat"}
BASIC = {"Authorization": "Basic dGVhbTpzZWNyZXQ="}  # for a proxy: team:secret


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The chat behind one proxy, with Ada as its only user."""
    made = application(
        tmp_path_factory.mktemp("app"), CHAT_PROXY_HOPS="1", CHAT_HOSTS="hub.example"
    )
    with made.app_context():
        accounts.bootstrap("ada", PASSWORD)
    return made


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def ada(app: Flask, browser: FlaskClient) -> FlaskClient:
    """Ada's browser, logged in without the form, because hashing is slow."""
    with app.app_context():
        browser.set_cookie("chat_session", sessions.create(1, "test", "127.0.0.1"))
    return browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    chat = Server(tmp_path_factory.mktemp("chat"), CHAT_PROXY_HOPS="1").start()
    yield chat
    chat.stop()


def csrf(browser: FlaskClient, page: str = "/login", **headers: str) -> str:
    found = re.search(
        r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(page, headers=headers).text
    )
    assert found
    return found.group(1)


def enter(browser: FlaskClient, headers: dict[str, str] | None = None) -> TestResponse:
    """Log in through the form."""
    fields = {"username": "ada", "password": PASSWORD, "csrf_token": csrf(browser, **headers or {})}
    return browser.post("/login", data=fields, headers=headers)


def cookies(answer: TestResponse) -> dict[str, set[str]]:
    """Return the attributes of every cookie that an answer sets."""
    lines = [line.split("; ") for line in answer.headers.getlist("Set-Cookie")]
    return {first.split("=")[0]: set(rest) for first, *rest in lines}


def paths(app: Flask, *, changing: bool) -> list[tuple[str, str]]:
    """Return every route with its method, and with existing numbers and names filled in."""
    unsafe = {"POST", "PUT", "PATCH", "DELETE"}
    filled = {
        r"<path:\w+>": "icon.svg",
        "<version>": "another",
        r"<int:\w+>": "1",
        "<slug>": "general",
    }
    return [
        (method, functools.reduce(lambda path, gap: re.sub(gap, filled[gap], path), filled, rule.rule))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) & (unsafe if changing else {"GET"}))
    ]  # fmt: skip


# ---- headers


@pytest.mark.parametrize("who", ["browser", "ada"])
def test_every_answer_says_what_a_browser_may_do_with_it(
    app: Flask, who: str, request: pytest.FixtureRequest
) -> None:
    browser: FlaskClient = request.getfixturevalue(who)
    addresses = [
        *paths(app, changing=False),
        *paths(app, changing=True),
        ("GET", "/nothing/here"),
        ("PUT", "/login"),
    ]
    assert len(addresses) > 30
    for method, path in addresses:
        answer = browser.open(path, method=method)
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, path
        policy = dict(
            part.strip().split(" ", 1)
            for part in answer.headers["Content-Security-Policy"].split(";")
        )
        assert policy["default-src"] == policy["script-src"] == policy["style-src"] == "'self'", (
            path
        )
        assert policy["frame-ancestors"] == policy["object-src"] == "'none'", path
        assert policy["base-uri"] == policy["form-action"] == "'self'", path
        assert "unsafe" not in str(policy) and "*" not in str(policy)
        cached = answer.headers.get("Cache-Control")
        kept = "no-cache" if "static" in path or "socketio" in path else "no-store"
        if path == "/api/people" and answer.status_code == 200:
            kept = "private, no-cache"  # with an ETag, and never for others
        assert cached == kept or (answer.status_code == 404 and cached in ("no-store", None)), (
            path,
            cached,
        )
        assert "Strict-Transport-Security" not in answer.headers


def test_socket_ios_own_answers_say_it_too(app: Flask, browser: FlaskClient) -> None:
    answers = [
        browser.get("/socket.io/?EIO=4&transport=polling"),
        browser.get("/socket.io/?EIO=4&transport=polling&sid=none"),
        browser.get("/socket.io/?EIO=4&transport=polling", headers={"Origin": "https://evil.test"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 400]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_who_may_frame_the_pages_is_a_setting(tmp_path_factory: pytest.TempPathFactory) -> None:
    app = application(
        tmp_path_factory.mktemp("framed"), CHAT_FRAME_ANCESTORS="https://hub.example 'self'"
    )
    policy = app.test_client().get("/healthz").headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors https://hub.example 'self'")


def test_under_https_browsers_are_told_to_stay_there(browser: FlaskClient) -> None:
    assert browser.get("/login", headers=HTTPS).headers["Strict-Transport-Security"]


def test_no_page_holds_a_script_or_a_style_of_its_own(ada: FlaskClient) -> None:
    for path in ("/r/general", "/account", "/nothing/here"):
        page = ada.get(path).text
        assert "<html" in page
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page), path
        scripts = re.findall(r"<script([^>]*)>", page)
        assert all("src=" in each or 'type="application/json"' in each for each in scripts)


# ---- rooms that one is not in


def test_a_person_joins_an_open_room_only_on_purpose(app: Flask, ada: FlaskClient) -> None:
    with app.app_context():
        tea = rooms.create(1, "Tea", "open")
        rooms.remove_member(1, tea, 1)
    page = ada.get("/r/tea/7")
    assert page.status_code == 200 and 'action="r/tea/7"' in page.text
    assert ada.post("/r/tea/7").status_code == 400  # without the CSRF token
    assert "Join <bdi>" in ada.get("/r/tea").text  # neither of them has joined
    token = csrf(ada, "/r/tea/7")
    for _ in range(2):  # a second click changes nothing
        assert ada.post("/r/tea/7", data={"csrf_token": token}).location == "/r/tea/7"
    assert "Join <bdi>" not in ada.get("/r/tea").text


@pytest.mark.parametrize("kind", ["closed", "archived", "none"])
def test_no_other_room_can_be_joined_by_its_address(
    app: Flask, ada: FlaskClient, kind: str
) -> None:
    with app.app_context():
        if kind != "none":
            room = rooms.create(1, kind, "open" if kind == "archived" else kind)
            if kind == "archived":
                rooms.archive(1, room)
            rooms.remove_member(1, room, 1)
    assert ada.get(f"/r/{kind}").status_code == 404
    token = csrf(ada, "/account")
    assert ada.post(f"/r/{kind}", data={"csrf_token": token}).status_code == 404


# ---- cookies


@pytest.mark.parametrize("https", [True, False])
def test_cookies_are_kept_from_scripts_and_from_http(browser: FlaskClient, https: bool) -> None:
    headers = HTTPS if https else {}
    before = cookies(browser.get("/login", headers=headers))
    assert set(before) == {"chat_csrf"}
    after = cookies(enter(browser, headers))
    assert "chat_session" in after
    for attributes in (before["chat_csrf"], after["chat_session"]):
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= attributes
        assert ("Secure" in attributes) is https
        assert not [each for each in attributes if each.startswith("Domain")]


@pytest.mark.parametrize("https", [True, False])
def test_the_rooms_that_one_was_in_are_kept_like_the_login(ada: FlaskClient, https: bool) -> None:
    kept = cookies(ada.get("/r/general", headers=HTTPS if https else {}))["chat_visited_1"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= kept and ("Secure" in kept) is https
    assert "Path=/team/chat" in cookies(ada.get("/r/general", headers=BELOW))["chat_visited_1"]


@pytest.mark.parametrize("kept", ["", ".", "999999", "x", "-1.0", "1'--", "1" * 4_000, "Ä.²"])
def test_home_is_a_room_whatever_the_cookie_says(ada: FlaskClient, kept: str) -> None:
    ada.set_cookie("chat_visited_1", kept)
    assert ada.get("/").location == "/r/general"
    assert ada.get("/r/general").status_code == 200
    found = ada.get_cookie("chat_visited_1")
    assert found and found.value.split(".")[0] == "1" and len(found.value) < 300


def test_home_is_not_where_another_person_of_this_browser_was(app: Flask, ada: FlaskClient) -> None:
    with app.app_context():
        zoo = rooms.create(1, "Another zoo", "open")
        accounts.register("bo", PASSWORD, "", open_to_all=True)
        theirs = sessions.create(2, "test", "127.0.0.1")
    assert ada.get("/").location == "/r/another-zoo"
    ada.get("/r/general")
    assert ada.get("/").location == "/r/general"
    ada.set_cookie("chat_session", theirs)
    assert ada.get("/").location == "/r/another-zoo"
    with app.app_context():
        rooms.archive(1, zoo)


def test_a_proxy_is_believed_only_where_one_was_announced(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    app = application(tmp_path_factory.mktemp("bare"))
    answer = app.test_client().get("/first-run", headers=HTTPS | BELOW)
    assert "Secure" not in cookies(answer)["chat_csrf"] and "Path=/" in cookies(answer)["chat_csrf"]


def test_a_log_in_that_is_used_does_not_expire_in_the_browser(ada: FlaskClient) -> None:
    """Its cookie is set again when its use is stored, and not with every request."""
    assert "chat_session" not in cookies(ada.get("/account"))
    cookie = ada.get_cookie("chat_session")
    assert cookie
    rest_a_while(ada)
    answer = ada.get("/account", headers=HTTPS)
    assert answer.headers.getlist("Set-Cookie")[0].startswith(f"chat_session={cookie.value}; ")
    days = int(re.search(r"Max-Age=(\d+)", str(answer.headers))[1]) / 86_400  # type: ignore[index]
    assert days > sessions.LIFETIME.days
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= cookies(answer)["chat_session"]
    assert "chat_session" not in cookies(ada.get("/account"))


def test_only_the_log_in_of_the_cookie_is_set_again(app: Flask, ada: FlaskClient) -> None:
    """A bot's token never becomes a cookie, and who logs out stays logged out."""
    with app.app_context():
        bearer = {"Authorization": f"Bearer {sessions.create(1, 'test', '127.0.0.1')}"}
    rest_a_while(ada)
    assert "chat_session" not in cookies(ada.get("/account", headers=bearer))
    token = csrf(ada, "/account")
    rest_a_while(ada)
    ada.post("/logout", data={"csrf_token": token})
    assert ada.get_cookie("chat_session") is None


def rest_a_while(browser: FlaskClient) -> None:
    """Change the sessions as if nobody had used them since yesterday."""
    with browser.application.app_context():
        db.session.execute(update(Session).values(seen_at=clock.now() - timedelta(days=1)))
        db.session.commit()


def test_a_cookie_from_before_the_log_in_is_not_kept(browser: FlaskClient) -> None:
    """Somebody else may have set it."""
    browser.set_cookie("chat_session", "planted")
    planted = csrf(browser)
    assert enter(browser).status_code == 302
    cookie = browser.get_cookie("chat_session")
    assert cookie and cookie.value != "planted" and len(cookie.value) >= 43
    renamed = browser.post("/account/name", data={"name": "Eve", "csrf_token": planted})
    assert renamed.status_code == 400
    token = csrf(browser, "/account")
    assert (
        browser.post("/account/name", data={"name": "Ada", "csrf_token": token}).status_code == 302
    )


@pytest.mark.parametrize("wanted", ["/r/general", "/r/general/7", "/account"])
def test_who_logs_in_lands_where_they_wanted_to_go(browser: FlaskClient, wanted: str) -> None:
    door = browser.get(wanted)
    page = browser.get(door.location).text
    action = re.search(r'action="([^"]+)"', page)
    assert action and action.group(1) == f"login?next={quote(wanted)}"
    for headers, prefix in (({}, ""), (BELOW, "/team/chat")):
        browser.delete_cookie("chat_session")
        fields = {"username": "ada", "password": PASSWORD, "csrf_token": csrf(browser)}
        answer = browser.post(f"/login?next={quote(wanted)}", data=fields, headers=headers)
        assert answer.location == prefix + wanted


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/r/a", "//evil.example", "/\\evil.example", "/r/../../x", "r/general",
     "/r/general\n", "/r/Ä", "javascript:alert(1)", "/logout", "/r/general/7/x", "/r/a?b=//c"],
)  # fmt: skip
def test_a_link_to_the_log_in_leads_nowhere_else(ada: FlaskClient, wanted: str) -> None:
    """The test uses somebody who is logged in: the rule is the same, without the slow hashing."""
    assert ada.get(f"/login?next={quote(wanted)}").location == "/"
    assert ada.get("/login?next=/account").location == "/account"


def test_logging_out_takes_the_cookie_and_its_worth(app: Flask, ada: FlaskClient) -> None:
    cookie = ada.get_cookie("chat_session")
    assert cookie
    answer = ada.post("/logout", data={"csrf_token": csrf(ada, "/account")})
    assert answer.location == "/login" and ada.get_cookie("chat_session") is None
    ada.set_cookie("chat_session", cookie.value)
    assert ada.get("/account").location == "/login?next=/account"


# ---- what others could make a browser do


def test_nothing_changes_without_the_token(app: Flask, ada: FlaskClient) -> None:
    addresses = paths(app, changing=True)
    assert len(addresses) > 12
    for method, path in addresses:
        for headers in ({}, {"X-CSRFToken": "made-up"}):
            answer = ada.open(
                path, method=method, headers=headers, data={"username": "eve", "name": "Eve"}
            )
            assert answer.status_code == 400, (method, path)
            assert "try again" in answer.text
    token = csrf(ada, "/account")
    made = ada.post(
        "/rooms", json={"name": "With it", "kind": "open"}, headers={"X-CSRFToken": token}
    )
    assert made.status_code == 201


def test_a_password_for_the_proxy_neither_hides_the_log_in_nor_replaces_the_token(
    browser: FlaskClient,
) -> None:
    """A browser adds it to every request, also to those that another site caused."""
    assert enter(browser, BASIC).location == "/"
    assert browser.get("/", headers=BASIC).location == "/r/general"
    token = csrf(browser, "/account", **BASIC)
    for fields, status in (({}, 400), ({"csrf_token": token}, 302)):
        data = {"name": "Ada"} | fields
        assert browser.post("/account/name", data=data, headers=BASIC).status_code == status


def test_who_sends_a_form_without_its_cookie_learns_what_to_do(browser: FlaskClient) -> None:
    token = csrf(browser)
    browser.delete_cookie("chat_csrf")
    fields = {"username": "ada", "password": PASSWORD, "csrf_token": token}
    page = browser.post("/login", data=fields)
    assert page.status_code == 400
    assert "Your browser didn&#39;t send the chat&#39;s cookie" in page.text
    assert "Go back to the chat and try again." in page.text
    again = browser.post("/login", data=fields)  # what a reload sends, now with a cookie
    assert again.status_code == 400 and "Go back to the chat" in again.text
    browser.set_cookie("chat_csrf", "signed with an earlier key")
    assert "or the cookie is no longer valid." in browser.post("/login", data=fields).text
    told = browser.post("/login", data=fields, headers={"Accept": "application/json"}).json
    assert told["error"]["message"].endswith("Reload the page and try again.")


def test_a_token_of_another_browser_is_worth_nothing(app: Flask, ada: FlaskClient) -> None:
    foreign = csrf(app.test_client())
    csrf(ada, "/account")
    made = ada.post(
        "/rooms", json={"name": "Foreign", "kind": "open"}, headers={"X-CSRFToken": foreign}
    )
    assert made.status_code == 400 and made.get_json()["error"]["code"] == "invalid"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1.evil.example", "http://127.0.0.1:1"],
)
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_page_from_elsewhere_opens_no_socket(server: Server, origin: str, transport: str) -> None:
    assert not _opens(server, transport, origin)
    assert _opens(server, transport, server.url)


def _opens(server: Server, transport: str, origin: str) -> bool:
    """Return whether the answer to the handshake opens a session: the packet `0{"sid": …}`.

    gevent-websocket answers 101 before it asks the application. A refusal then ends the connection.
    """
    path = f"{server.url}/socket.io/?EIO=4&transport={transport}"
    if transport == "polling":
        return requests.get(
            path, headers={"Origin": origin}, timeout=ANSWER_TIMEOUT
        ).text.startswith("0{")
    try:
        line = websocket.create_connection(
            path.replace("http", "ws"), ANSWER_TIMEOUT, origin=origin
        )
        return str(line.recv()).startswith("0{")
    except websocket.WebSocketException as refusal:
        assert not isinstance(refusal, websocket.WebSocketTimeoutException)
        return False


# ---- below a proxy's prefix


def test_below_a_prefix_addresses_and_cookies_keep_it(app: Flask) -> None:
    browser = app.test_client(use_cookies=False)  # it knows no proxy and would not send them
    assert browser.get("/", headers=BELOW).location == "/team/chat/login"
    page = browser.get("/login", headers=BELOW)
    assert '<base href="/team/chat/"' in page.text
    assert "Path=/team/chat" in cookies(page)["chat_csrf"]
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    kept = re.search(r"chat_csrf=[^;]+", page.headers["Set-Cookie"])
    assert token and kept
    fields = {"username": "ada", "password": PASSWORD, "csrf_token": token.group(1)}
    answer = browser.post("/login", data=fields, headers=BELOW | {"Cookie": kept.group()})
    assert answer.location == "/team/chat/"
    assert "Path=/team/chat" in cookies(answer)["chat_session"]


def test_below_a_prefix_an_invite_leads_back_to_it(ada: FlaskClient) -> None:
    headers = {"X-CSRFToken": csrf(ada, "/account"), "X-Forwarded-Host": "hub.example"} | BELOW
    made = ada.post(
        "/api/invites",
        headers=headers | {"X-Forwarded-Proto": "https", "Referer": "https://hub.example/"},
    )
    assert made.get_json()["url"].startswith("https://hub.example/team/chat/register?invite=")


def test_log_out_below_a_prefix_takes_the_cookie_from_there(ada: FlaskClient) -> None:
    headers = {"X-CSRFToken": csrf(ada, "/account")} | BELOW
    answer = ada.post("/logout", headers=headers)
    assert answer.location == "/team/chat/login"
    assert {"Path=/team/chat", "Max-Age=0"} <= cookies(answer)["chat_session"]


# ---- the rest


def test_health_is_told_to_everybody_as_json(browser: FlaskClient) -> None:
    answer = browser.get("/healthz")
    assert answer.status_code == 200 and answer.mimetype == "application/json"
    assert set(answer.get_json()) == {"ok", "server_time"}


def test_a_stranger_is_led_to_the_log_in_and_a_script_is_told(browser: FlaskClient) -> None:
    assert browser.get("/r/general").location == "/login?next=/r/general"
    told = browser.get("/api/rooms")
    assert told.status_code == 401 and told.get_json()["error"]["code"] == "unauthorized"


def test_a_method_that_is_not_there_says_which_are(browser: FlaskClient) -> None:
    answer = browser.get("/logout")
    assert answer.status_code == 405 and "POST" in answer.headers.get("Allow", "")


@pytest.mark.parametrize("path", ["/login", "/account/name", "/rooms"])
def test_a_body_that_is_too_large_is_refused(ada: FlaskClient, path: str) -> None:
    answer = ada.post(path, data={"name": "x" * 200_000, "csrf_token": csrf(ada, "/account")})
    assert answer.status_code == 413


# ---- requests that make no sense


IMPOSSIBLE = [
    "Thu, 01 Jan 1970 00:00:00 +99999999999999999",
    "Thu, 01 Jan 99999999999999999999 0:0:0 GMT",
]


@pytest.mark.parametrize("date", IMPOSSIBLE)
def test_a_date_that_no_clock_shows_is_ignored(ada: FlaskClient, date: str) -> None:
    headers = {"If-Modified-Since": date, "If-Unmodified-Since": date}
    for path in ("/static/a/icon.svg", "/api/people"):
        assert ada.get(path, headers=headers).status_code == 200
    partial = {"If-Range": date, "Range": "bytes=0-5"}
    assert ada.get("/static/a/icon.svg", headers=partial).status_code in (200, 206)


@pytest.mark.parametrize("names", ["hub.example", "*"])
@pytest.mark.parametrize(
    "host", ["a" * 64 + ".localhost", "..localhost", "a..localhost", "a b", "é"]
)
def test_a_host_that_is_no_name_is_refused(tmp_path: Path, host: str, names: str) -> None:
    chat = application(tmp_path, CHAT_HOSTS=names, CHAT_PROXY_HOPS="1").test_client()
    assert chat.get("/login", headers={"Host": host}).status_code == 400
    assert chat.get("/login", headers={"X-Forwarded-Host": host}).status_code == 400
    assert chat.get("/login", headers={"Host": "hub.example:80"}).status_code == 200


@pytest.mark.parametrize("referrer", ["https://[", "https://h:abc/", "https://h:99999999/"])
def test_a_referrer_that_is_no_url_is_refused(browser: FlaskClient, referrer: str) -> None:
    fields = {"username": "ada", "password": PASSWORD, "csrf_token": csrf(browser, **HTTPS)}
    answer = browser.post("/login", data=fields, headers=HTTPS | {"Referer": referrer})
    assert answer.status_code == 400 and "referrer" in answer.text


def test_lists_in_lists_are_refused(ada: FlaskClient) -> None:
    deep = "[" * 5000 + "]" * 5000
    headers = {"X-CSRFToken": csrf(ada, "/account"), "Content-Type": "application/json"}
    answer = ada.post("/rooms", data=f'{{"name": {deep}}}', headers=headers)
    assert answer.status_code == 400 and "too deeply" in answer.get_json()["error"]["message"]


def test_a_file_without_a_field_name_is_refused(ada: FlaskClient) -> None:
    body = '--x\r\nContent-Disposition: form-data; filename="a"\r\n\r\nb\r\n--x--\r\n'
    headers = {
        "X-CSRFToken": csrf(ada, "/account"), "Accept": "application/json",
        "Content-Type": "multipart/form-data; boundary=x",
    }  # fmt: skip
    answer = ada.post("/api/uploads", data=body, headers=headers)
    assert answer.status_code == 400 and answer.get_json()["error"]["field"] == "file"
