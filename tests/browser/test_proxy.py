"""The pages behind Jupyter's own proxy, below a prefix like JupyterHub's: /user/ada/proxy/…"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.jupyter import HUB, TOKEN, Jupyter
from tests.browser.people import PATIENCE, UPGRADED, People, Run, running_steps, say
from workshop.clients import cast
from workshop.stages import Stage

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    server = Jupyter("jupyter_server", tmp_path_factory.mktemp("jupyter"), HUB)
    yield server
    server.stop()


@pytest.fixture
def ada(jupyter: Jupyter, person: People) -> Page:
    """Ada, who has logged in to Jupyter with the token in the address. The browser keeps the cookie."""
    return person(f"{jupyter.address}api?token={TOKEN}")


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Return a function that starts a step in the same way as a kernel on the hub: `run("05")`."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JUPYTERHUB_SERVICE_PREFIX", HUB)
        yield from running_steps()


@pytest.fixture
def chat(run: Run) -> Stage:
    return run("05")


def test_everything_a_page_loads_comes_through_the_proxy(
    jupyter: Jupyter, ada: Page, chat: Stage
) -> None:
    answers: list[Response] = []
    sockets: list[str] = []
    ada.on("response", lambda answer: answers.append(answer))
    ada.on("websocket", lambda socket: sockets.append(socket.url))
    ada.goto(jupyter.proxied(chat, "/chat?username=Ada"))
    ada.wait_for_function(UPGRADED)
    below = jupyter.proxied(chat, "/")
    assert [each.url for each in answers if not each.url.startswith((below, "data:"))] == []
    assert [each.startswith(below.replace("http:", "ws:")) for each in sockets] == [True]
    arrived = {each.url.removeprefix(below).partition("?")[0]: each.status for each in answers}
    files = ("static/style.css", "socketio_browser/socket.io.min.js", "static/chat.js")
    assert [arrived.get(file) for file in files] == [200, 200, 200]
    assert ada.evaluate("getComputedStyle(document.querySelector('.room')).display") == "flex"


def test_people_talk_across_the_proxy(jupyter: Jupyter, ada: Page, chat: Stage) -> None:
    (cy,) = cast(chat, "Cy")  # straight to the stage, as clients in a notebook go
    ada.goto(jupyter.proxied(chat, "/chat?username=Ada"))
    ada.wait_for_function(UPGRADED)
    say(ada, "Hello from behind a proxy")
    heard = cy.receive(timeout=PATIENCE / 1000)
    assert heard == ["new_message", {"username": "Ada", "text": "Hello from behind a proxy"}]
    cy.emit("new_message", {"username": "Cy", "text": "Hello, Ada"})
    expect(ada.locator(".text")).to_have_text(["Hello from behind a proxy", "Hello, Ada"])
    cy.disconnect()


@pytest.mark.parametrize("step", ["02", "03", "04", "05"])
def test_who_has_no_name_is_sent_to_the_front_page_below_the_prefix(
    jupyter: Jupyter, ada: Page, run: Run, step: str
) -> None:
    chat = run(step)
    ada.goto(jupyter.proxied(chat, "/chat"))
    assert ada.url == jupyter.proxied(chat, "/")
    expect(ada.get_by_role("heading")).to_have_text("Welcome to the Chat Application!")


@pytest.mark.parametrize("step", ["02", "03", "04", "05"])
def test_the_form_stays_below_the_prefix(jupyter: Jupyter, ada: Page, run: Run, step: str) -> None:
    chat = run(step)
    ada.goto(jupyter.proxied(chat, "/"))
    ada.get_by_label("Your name", exact=True).fill("Ada")
    ada.get_by_role("button", name="Join Chat").click()
    expect(ada).to_have_url(jupyter.proxied(chat, "/chat?username=Ada"))
    expect(ada.get_by_role("heading")).to_have_text("Welcome to the Chat Room, Ada!")


def test_a_signed_page_names_its_own_port_not_the_proxys(
    jupyter: Jupyter, ada: Page, run: Run
) -> None:
    chat = run("05", signed=True)
    ada.goto(jupyter.proxied(chat, "/"))
    expect(ada.get_by_role("contentinfo")).to_contain_text(f"port {chat.port}")


def test_without_the_token_nobody_gets_through(
    jupyter: Jupyter, person: People, chat: Stage
) -> None:
    person.tolerate("status 40[13]|the server responded with a status of 40[13]")
    stranger = person(jupyter.proxied(chat, "/chat?username=Ada"))
    expect(stranger.locator("#chat-messages")).to_have_count(0)
