"""The chat behind nginx with TLS, with its own host name and below a path, with the files in deploy/."""

import re
import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.final_app.nginx import Front, Visitor, origin
from tests.final_app.rig import ANSWER_TIMEOUT, Person, Server, png

LARGEST = 200_000  # bytes of a file, as the chat is set
BURST, RATE = 1_000, 100  # requests, and requests a second, as deploy/nginx.conf says
OFFICE = 900  # requests at once: more than 20 people who open the chat in the same second
ELSEWHERE = "203.0.113.9"  # an address that nobody here has


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("chat")
    settings = {"CHAT_PROXY_HOPS": "1", "CHAT_UPLOAD_SIZE": str(LARGEST)}
    chat = Server(folder, **settings).start()
    Person(chat, "ada").begin()
    yield chat
    chat.stop()


@pytest.fixture(scope="module", params=["", "/team/chat"], ids=["own address", "below a path"])
def front(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    file = "nginx-below.conf" if request.param else "nginx.conf"
    nginx = Front(tmp_path_factory.mktemp("nginx"), server, file=file, path=request.param).start()
    yield nginx
    nginx.stop()


@pytest.fixture
def ada(front: Front) -> Iterator[Visitor]:
    """Ada, logged in through nginx."""
    visitor = Visitor(front, "ada")
    visitor.log_in()
    yield visitor
    visitor.leave()


def test_who_logs_in_gets_cookies_for_https_and_for_the_chat_alone(front: Front) -> None:
    ada = Visitor(front, "ada")
    landed = ada.log_in()
    assert landed.url == f"{front.url}/r/general"
    cookies = {cookie.name: cookie for cookie in ada.http.cookies}
    assert set(cookies) == {"chat_session", "chat_csrf", "chat_visited_1"}
    assert {cookie.secure for cookie in cookies.values()} == {True}
    assert {cookie.path for cookie in cookies.values()} == {front.path or "/"}
    assert landed.headers["Strict-Transport-Security"]


def test_everything_that_a_page_names_is_there(front: Front, ada: Visitor) -> None:
    page = ada.get("/r/general").text
    (base,) = re.findall(r'<base href="([^"]+)"', page)
    assert base == f"{front.path}/"
    names = re.findall(r'<(?:script|link)[^>]+(?:src|href)="([^"]+)"', page)
    assert len(names) >= 3
    for name in names:
        path = name if name.startswith("/") else base + name
        assert ada.http.get(origin(front) + path, timeout=ANSWER_TIMEOUT).ok, name


def test_the_real_address_of_a_visitor_is_noted_whatever_they_claim(front: Front) -> None:
    mallory = Visitor(front, "ada")
    mallory.http.headers.update(
        {"X-Forwarded-For": ELSEWHERE, "X-Forwarded-Prefix": "/evil",
         "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Real-IP": ELSEWHERE}
    )  # fmt: skip
    assert mallory.log_in().url == f"{front.url}/r/general"
    page = mallory.get("/account").text
    assert "127.0.0.1" in page and ELSEWHERE not in page and "/evil" not in page
    assert mallory.ask("POST", "/api/invites")["url"].startswith(f"{front.url}/register?invite=")


def test_a_message_goes_round_by_websocket(front: Front, server: Server, ada: Visitor) -> None:
    bo = Visitor(front, f"bo{len(front.path)}").register(ada.invite())
    for person in (ada, bo):
        person.connect()
    said = ada.say(1, "Hello through nginx")["message"]
    assert bo.hear("new_message") == said  # type: ignore[attr-defined]
    assert ada.socket and ada.socket.transport() == "websocket"
    bo.leave()


def test_a_page_of_another_site_gets_no_socket(front: Front, ada: Visitor) -> None:
    ask = f"{front.url}/socket.io/?EIO=4&transport=polling"
    for origin_of_page, status in ((origin(front), 200), ("https://evil.example", 403)):
        headers = {"Origin": origin_of_page}
        assert ada.http.get(ask, headers=headers, timeout=10).status_code == status


def test_a_file_passes_and_a_larger_one_is_refused_in_words(front: Front, ada: Visitor) -> None:
    picture = png()
    sent = ada.upload(1, "picture.png", picture)["upload"]
    assert ada.get(f"/files/{sent['id']}").headers["Content-Type"] == "image/png"
    too_large = ada.send(1, "noise.bin", b"\x00" * (LARGEST + 200_000))
    assert too_large.status_code == 413
    assert too_large.json()["error"]["message"] == f"A file can have at most {LARGEST:,} bytes."
    # What is far too large does not even come through.
    flood = ada.send(1, "noise.bin", b"\x00" * 12_000_000)
    assert flood.status_code == 413 and "nginx" in flood.text


def test_http_leads_to_https_and_the_log_keeps_no_invite(front: Front) -> None:
    if front.path:
        bare = requests.get(front.url, verify=front.certificate, allow_redirects=False, timeout=10)
        assert bare.headers["Location"] == f"{front.url}/"
        return
    plain = f"http://localhost:{front.plain_port}/login"
    answer = requests.get(plain, allow_redirects=False, timeout=10)
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://localhost/login")
    Visitor(front, "eve").get("/register?invite=secret-code")
    assert " GET /register 200 " in front.log() and "secret-code" not in front.log()


def test_a_stranger_asks_whether_it_is_alive_but_cannot_make_it_write(
    front: Front, server: Server
) -> None:
    stranger = Visitor(front, "eve")
    assert stranger.get("/healthz").ok
    answer = stranger.get("/readyz")
    assert answer.status_code == 404 and "nginx" in answer.text
    assert Person(server, "monitor").get("/readyz").json() == {"ok": True}


def test_an_office_behind_one_address_is_served_and_a_flood_is_not(
    server: Server, tmp_path: Path
) -> None:
    nginx = Front(tmp_path, server).start()
    try:
        began = time.monotonic()
        office = Counter(pipelined(nginx, OFFICE))
        flood = Counter(status for _ in range(3) for status in pipelined(nginx, OFFICE))
        passed = time.monotonic() - began
    finally:
        nginx.stop()
    assert office == {200: OFFICE}
    assert set(flood) == {200, 429}
    assert OFFICE + flood[200] <= BURST + RATE * passed + 1


def pipelined(front: Front, count: int) -> list[int]:
    """Send this many requests at once over one connection. Return their statuses."""
    request = f"GET /healthz HTTP/1.1\r\nHost: localhost:{front.port}\r\n\r\n".encode()
    with connected(front) as connection:
        connection.sendall(
            request * (count - 1) + request.replace(b"1\r\n", b"1\r\nConnection: close\r\n", 1)
        )
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def connected(front: Front) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(front.certificate))
    plain = socket.create_connection(("127.0.0.1", front.port), timeout=ANSWER_TIMEOUT)
    return context.wrap_socket(plain, server_hostname="localhost")


def test_straight_to_the_server_there_is_no_https(server: Server) -> None:
    """The negative twin: the cookies are Secure because nginx reports https."""
    ada = Person(server, "ada")
    assert ada.log_in().ok
    assert not any(cookie.secure for cookie in ada.http.cookies)


def test_the_templates_of_deploy_name_what_the_chat_listens_to(tmp_path: Path) -> None:
    from tests.final_app.nginx import DEPLOY

    for name in ("nginx.conf", "nginx-below.conf", "Caddyfile"):
        text = (DEPLOY / name).read_text(encoding="utf-8")
        assert "127.0.0.1:5000" in text and "CHAT_PROXY_HOPS=1" in text and "CHAT_HOSTS=" in text
    unit = (DEPLOY / "chat.service").read_text(encoding="utf-8")
    assert "-m final_app --no-browser --port 5000" in unit
    assert "CHAT_PROXY_HOPS=1 CHAT_HOSTS=" in unit
