"""The chat's page in a browser, behind nginx with TLS and below a path (deploy/nginx-below.conf)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.team import caught_up, shows, write
from tests.final_app.nginx import Front, Visitor
from tests.final_app.rig import PASSWORD, Person, Server

pytestmark = pytest.mark.browser


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    server = Server(tmp_path / "chat", CHAT_PROXY_HOPS="1").start()
    (tmp_path / "nginx").mkdir()
    try:
        nginx = Front(
            tmp_path / "nginx", server, file="nginx-below.conf", path="/team/chat"
        ).start()
        Person(server, "ada").begin()
        yield nginx
        nginx.stop()
    finally:
        server.stop()


def test_somebody_logs_in_and_talks_below_a_path_with_tls(browser: Browser, front: Front) -> None:
    context = browser.new_context(ignore_https_errors=True, reduced_motion="reduce")
    page = context.new_page()
    answers: list[tuple[int, str]] = []
    sockets: list[str] = []
    context.on("response", lambda answer: answers.append((answer.status, answer.url)))
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(front.url)
    expect(page).to_have_url(f"{front.url}/login")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{front.url}/r/general")
    caught_up(page)
    write(page, "Hello from below a path")
    shows(page, "Hello from below a path")
    cy = Visitor(front, "cy").register(invite_of(front))
    cy.connect()
    assert cy.say(1, "Hello, Ada")["ok"]
    shows(page, "Hello from below a path", "Hello, Ada")
    cy.leave()
    below = f"{front.url}/"
    assert [url for _, url in answers if not url.startswith((below, front.url, "data:"))] == []
    assert [each for each in answers if each[0] >= 400] == []
    assert sockets and all(url.startswith(below.replace("https:", "wss:")) for url in sockets)
    cookies = context.cookies()
    assert cookies and all(each["secure"] and each["path"] == "/team/chat" for each in cookies)
    context.close()


def invite_of(front: Front) -> str:
    ada = Visitor(front, "ada")
    ada.log_in()
    return ada.invite()
