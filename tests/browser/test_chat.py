"""People who chat on the real pages, with the Socket.IO client for browsers and the real server."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect
from socketio_browser import client_version

from tests.browser.people import PATIENCE, UPGRADED, People, Run, Visit, say
from workshop import manifest, paths
from workshop.clients import cast
from workshop.stages import Stage

pytestmark = pytest.mark.browser

HOSTILE = """<img src="x" onerror="document.title = 'It ran'"><script>document.title = 1</script>"""
ENGINE_PROTOCOL = 4  # what python-engineio 4 speaks (github.com/socketio/engine.io-protocol)
AFTER_A_RESTART = r"WebSocket connection|ERR_CONNECTION_REFUSED|/socket\.io/"
SOON_AGAIN = "socket.io.reconnectionDelay(50); socket.io.reconnectionDelayMax(50)"  # not 1 to 5 s
with_socket = pytest.mark.parametrize("step", ["04_socketio", "05_broadcast"])


@pytest.fixture
def chat(run: Run) -> Stage:
    return run("05")


@pytest.fixture
def restartable() -> Iterator[Run]:
    """Return a function that starts a separate stage, so that a restart affects no other test."""
    with ExitStack() as stages:

        def start(which: str) -> Stage:
            step = manifest.step(which)
            chat = stages.enter_context(Stage(step.name, step.folder, ""))
            chat.start()
            return chat

        yield start


@with_socket
def test_the_browser_client_and_the_server_speak_one_protocol(
    run: Run, person: People, step: str
) -> None:
    ada = person()
    sockets: list[str] = []
    ada.on("websocket", lambda socket: sockets.append(socket.url))
    ada.goto(room(run(step), "Ada"))
    ada.wait_for_function(UPGRADED)
    assert [f"EIO={ENGINE_PROTOCOL}&transport=websocket" in each for each in sockets] == [True]


@with_socket
def test_the_server_refuses_an_older_protocol(run: Run, person: People, step: str) -> None:
    person.tolerate("400")
    ada = person(run(step).url)
    ask = "version => fetch(`socket.io/?transport=polling&EIO=${version}`).then(it => it.status)"
    assert ada.evaluate(ask, ENGINE_PROTOCOL) == 200
    assert ada.evaluate(ask, ENGINE_PROTOCOL - 1) == 400


def test_the_browser_client_is_the_pinned_one() -> None:
    pinned = json.loads((paths.ROOT / "package.json").read_text("utf-8"))["dependencies"]
    assert client_version() == pinned["socket.io-client"]


@with_socket
def test_the_page_says_that_the_server_has_the_message(run: Run, visit: Visit, step: str) -> None:
    ada = visit(room(run(step), "Ada"))
    expect(ada.get_by_role("status")).to_have_text("")
    say(ada, "Hello")
    expect(ada.get_by_role("status")).to_have_text("The server has your message.")


def test_who_leaves_by_a_link_leaves_at_once(run: Run, visit: Visit) -> None:
    """If the browser kept the page for its "back" button, the name would stay taken for a while."""
    ada = visit(room(run("07"), "Ada"))
    for _ in range(2):
        ada.wait_for_function(UPGRADED)
        ada.goto(run("07").url)
        ada.get_by_label("Your name").fill("Ada")
        ada.get_by_role("button").click()
        expect(ada.get_by_role("status")).to_have_text("")


@with_socket
def test_a_message_that_nobody_has_yet_is_not_called_received(
    restartable: Run, person: People, step: str
) -> None:
    person.tolerate(AFTER_A_RESTART)
    chat = restartable(step)
    (ada,) = enter(person, chat, "Ada")
    status = ada.get_by_role("status")
    say(ada, "Hello")
    expect(status).to_have_text("The server has your message.")
    ada.evaluate(SOON_AGAIN)
    before = chat.port
    chat.stop()
    ada.wait_for_function("!socket.connected")
    say(ada, "Are you there?")
    expect(status).to_have_text("Sending …")
    chat.start()
    assert chat.port == before
    expect(status).to_have_text("The server has your message.")


def test_in_step_04_nobody_hears_anything_yet(run: Run, person: People) -> None:
    ada, bo = enter(person, run("04"), "Ada", "Bo")
    say(ada, "Hello")
    expect(ada.get_by_role("status")).to_have_text("The server has your message.")
    say(bo, "Is anybody here?")
    expect(bo.get_by_role("status")).to_have_text("The server has your message.")
    assert (lines(ada), lines(bo)) == ([], [])


def test_what_ada_says_appears_once_on_both_pages_in_order(chat: Stage, person: People) -> None:
    ada, bo = enter(person, chat, "Ada", "Bo")
    said = [f"message {number}" for number in range(1, 21)]
    for text in said:
        say(ada, text)
    say(bo, "That was all.")  # everything before it, had it come twice, would be there by now
    wanted = [f"Ada {text}" for text in said] + ["Bo That was all."]
    for page in (ada, bo):
        expect(page.locator(".message").last).to_have_text("Bo That was all.")
        assert lines(page) == wanted


def test_a_python_client_and_a_page_talk(chat: Stage, person: People) -> None:
    (ada,) = enter(person, chat, "Ada")
    (cy,) = cast(chat, "Cy")
    cy.emit("new_message", {"username": "Cy", "text": "Hello from Python"})
    expect(ada.locator(".message")).to_have_text(["Cy Hello from Python"])
    say(ada, "Hello from a page")
    heard = [cy.receive(timeout=PATIENCE / 1000) for _ in range(2)]
    cy.disconnect()
    assert heard[1] == ["new_message", {"username": "Ada", "text": "Hello from a page"}]


def test_hostile_text_stays_text(chat: Stage, person: People) -> None:
    ada, bo = enter(person, chat, "Ada", "Bo")
    say(ada, HOSTILE)
    say(ada, "Did it run?")
    for page in (ada, bo):
        expect(page.locator(".text")).to_have_text([HOSTILE, "Did it run?"])
        assert_nothing_ran(page)


def test_a_hostile_name_stays_text(chat: Stage, person: People) -> None:
    stranger, bo = enter(person, chat, HOSTILE, "Bo")
    expect(stranger.get_by_role("heading")).to_contain_text(HOSTILE)
    say(stranger, "Hello")
    for page in (stranger, bo):
        expect(page.locator(".author")).to_have_text([HOSTILE])
        assert_nothing_ran(page)


def test_an_empty_message_is_not_sent(chat: Stage, person: People) -> None:
    ada, bo = enter(person, chat, "Ada", "Bo")
    ada.get_by_role("button", name="Send").click()
    say(ada, "")
    assert ada.locator("#message-input").evaluate("field => field.validity.valueMissing")
    say(ada, "Hello")
    expect(bo.locator(".message").last).to_have_text("Ada Hello")
    assert lines(bo) == ["Ada Hello"]


def test_the_keyboard_alone_is_enough(chat: Stage, visit: Visit) -> None:
    ada = visit(chat.url)
    expect(ada.get_by_label("Your name", exact=True)).to_be_focused()  # without a click
    ada.keyboard.type("Ada")
    ada.keyboard.press("Enter")
    expect(ada).to_have_url(room(chat, "Ada"))
    ada.wait_for_function(UPGRADED)
    field = ada.get_by_label("Message", exact=True)
    expect(field).to_be_visible()
    for _ in range(ada.locator("input, button, [tabindex]").count()):
        if field.evaluate("field => field === document.activeElement"):
            break
        ada.keyboard.press("Tab")
    for text in ("Hello", "Hello again"):
        ada.keyboard.type(text)
        ada.keyboard.press("Enter")
        expect(field).to_be_focused()
        expect(field).to_have_value("")
    expect(ada.locator(".message")).to_have_text(["Ada Hello", "Ada Hello again"])


def test_a_page_comes_back_by_itself_when_the_server_restarts(
    restartable: Run, person: People
) -> None:
    person.tolerate(AFTER_A_RESTART)
    chat = restartable("05")
    ada, bo = enter(person, chat, "Ada", "Bo")
    for page in (ada, bo):
        page.evaluate(SOON_AGAIN)
    before = chat.port
    chat.stop()
    for page in (ada, bo):
        page.wait_for_function("!socket.connected")
    chat.start()
    assert chat.port == before
    for page in (ada, bo):
        page.wait_for_function(UPGRADED)
    say(ada, "Where were we?")
    for page in (ada, bo):
        expect(page.locator(".message")).to_have_text(["Ada Where were we?"])


def test_solved_03_shows_the_title_of_the_room(run: Run, solved: Run, visit: Visit) -> None:
    assert visit(room(run("03"), "Ada")).locator("#room-title").count() == 0
    address = room(solved("03"), "Ada")
    expect(visit(address).locator("#room-title")).to_have_text("Lobby")
    expect(visit(f"{address}&room=Tea").locator("#room-title")).to_have_text("Tea")


def test_solved_05_shows_on_every_page_who_waves(run: Run, solved: Run, person: People) -> None:
    (twin,) = enter(person, run("05"), "Ada")
    expect(twin.get_by_role("button", name="Wave")).to_have_count(0)
    ada, bo = enter(person, solved("05"), "Ada", "Bo")
    for page, name in ((ada, "Ada"), (bo, "Bo")):
        page.get_by_role("button", name="Wave").click()
        for each in (ada, bo):
            expect(each.get_by_role("status")).to_have_text(f"{name} waves.")
    assert (lines(ada), lines(bo)) == ([], []), "a wave is no message"


def room(chat: Stage, name: str) -> str:
    return f"{chat.url}/chat?username={quote(name)}"


def enter(person: People, chat: Stage, *names: str) -> list[Page]:
    """Open a page for each person, each in a separate browser, and wait until all are connected."""
    pages = [person(room(chat, name)) for name in names]
    for page in pages:
        page.wait_for_function(UPGRADED)
    return pages


def lines(page: Page) -> list[str]:
    return [text.strip() for text in page.locator(".message").all_inner_texts()]


def assert_nothing_ran(page: Page) -> None:
    assert page.title() == "Chat Room"
    assert page.locator("main img, main script").count() == 0
