"""The pages behind Jupyter's own proxy, below a prefix such as JupyterHub gives: /user/ada/proxy/…"""

import os
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.people import PATIENCE, UPGRADED, People, Run, say
from workshop.clients import cast
from workshop.stages import Stage

pytestmark = pytest.mark.browser

PREFIX = "/user/ada/"
START_TIMEOUT = 60.0  # seconds; Jupyter imports much on a slow laptop
STOP_TIMEOUT = 15.0  # seconds
TOKEN = secrets.token_hex(8)


class Jupyter:
    """A jupyter-server of its own: free port, own settings, nothing of this machine's."""

    def __init__(self, folder: Path) -> None:
        own = {f"JUPYTER_{kind}_DIR": str(folder / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
        self._said: list[str] = []
        self._ready = threading.Event()
        self.address = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--port=0",
             "--ServerApp.ip=127.0.0.1", f"--ServerApp.base_url={PREFIX}",
             f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"],
            env=os.environ | own, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()
        self._ready.wait(START_TIMEOUT)
        if not self.address:
            self.process.kill()
            raise RuntimeError("Jupyter did not start. It printed:\n" + "\n".join(self._said))

    def proxied(self, chat: Stage, path: str) -> str:
        return f"{self.address}{PREFIX}proxy/{chat.port}{path}"

    def stop(self) -> None:
        """End the server and fail if it or anything that it started is still there."""
        family = psutil.Process(self.process.pid)
        family = [family, *family.children(recursive=True)]
        self.process.terminate()
        _, left = psutil.wait_procs(family, timeout=STOP_TIMEOUT)
        for process in left:
            process.kill()
        assert not left, f"still running after {STOP_TIMEOUT:.0f} s: {left}"

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.append(line.rstrip())
            found = re.search(r"(http://127\.0\.0\.1:\d+)" + PREFIX, line)
            if found:
                self.address = found.group(1)
                self._ready.set()
        self._ready.set()  # it ended: do not wait for nothing


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    server = Jupyter(tmp_path_factory.mktemp("jupyter"))
    yield server
    server.stop()


@pytest.fixture
def ada(jupyter: Jupyter, person: People) -> Page:
    """Ada, logged in to Jupyter as the token's address does it: the browser keeps its cookie."""
    return person(f"{jupyter.address}{PREFIX}api?token={TOKEN}")


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
