"""A stage is closed to foreign host names, to other users, and to people who guess the PIN."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import websocket
from flask import Flask
from werkzeug.debug import get_pin_and_cookie_name

from tests.workshop.test_run import page_says, running
from tests.workshop.test_stages import PATIENCE, say, wait_until
from workshop import manifest
from workshop.clients import cast
from workshop.learner import catch_up
from workshop.run import free_port
from workshop.stages import Stage, stage

FOREIGN = "evil.example"
HUB = "/user/ada/"
CODESPACE = {
    "CODESPACE_NAME": "ada-1234",
    "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "app.github.dev",
}
POLLING = "/socket.io/?EIO=4&transport=polling"
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")


# ---- names --------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["05", "final_app"])
def chat(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with stage(request.param) as chat:
        yield chat


def polled(chat: Stage, host: str, path: str = POLLING) -> requests.Response:
    """Send a request as a page of `host` would if this name pointed to this machine."""
    headers = {"Host": host, "Origin": f"http://{host}"}
    return requests.get(f"{chat.url}{path}", headers=headers, timeout=PATIENCE)


def shake_hands(chat: Stage, host: str) -> int:
    """Open a WebSocket as a page from `host` would. Return the status code of the response."""
    try:
        websocket.create_connection(
            f"ws://127.0.0.1:{chat.port}/socket.io/?EIO=4&transport=websocket",
            host=host,
            origin=f"http://{host}",
            timeout=PATIENCE,
        ).close()
    except websocket.WebSocketBadStatusException as refused:
        return int(refused.status_code)
    return 101


ASKED = {
    "a page": lambda chat, host: polled(chat, host, "/").status_code,
    "polling": lambda chat, host: polled(chat, host).status_code,
    "a WebSocket": shake_hands,
}
asked = pytest.mark.parametrize("what", ASKED)


@asked
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_a_stage_answers_to_the_names_of_this_machine(chat: Stage, host: str, what: str) -> None:
    assert ASKED[what](chat, f"{host}:{chat.port}") in (200, 101)


@asked
@pytest.mark.parametrize("host", [FOREIGN, f"localhost.{FOREIGN}", f"127.0.0.1.{FOREIGN}"])
def test_a_foreign_name_gets_nothing_from_a_stage(chat: Stage, host: str, what: str) -> None:
    assert ASKED[what](chat, f"{host}:{chat.port}") == 400


def test_the_refusal_says_what_to_do(chat: Stage) -> None:
    refusal = polled(chat, f"{FOREIGN}:{chat.port}", "/").text
    assert FOREIGN in refusal
    assert "Expected: localhost" in refusal
    assert "What to do: " in refusal


def test_no_header_makes_a_foreign_name_a_known_one(chat: Stage) -> None:
    headers = {"Host": f"{FOREIGN}:{chat.port}", "X-Forwarded-Host": f"localhost:{chat.port}"}
    assert requests.get(chat.url, headers=headers, timeout=PATIENCE).status_code == 400


def a_new_stage(which: str) -> Stage:
    """Start a step in the current environment. (`stage` could return one that is already running.)"""
    step = manifest.step(which)
    chat = Stage(step.name, step.folder, "")
    chat.start()
    return chat


def test_in_a_codespace_a_stage_answers_to_its_forwarded_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in CODESPACE.items():
        monkeypatch.setenv(name, value)
    with a_new_stage("05") as chat:
        assert polled(chat, f"ada-1234-{chat.port}.app.github.dev", "/").ok
        assert polled(chat, f"localhost:{chat.port}", "/").ok
        assert polled(chat, f"bo-1234-{chat.port}.app.github.dev", "/").status_code == 400
        assert polled(chat, FOREIGN, "/").status_code == 400


def test_below_a_hub_a_stage_answers_to_the_hubs_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", HUB)
    with a_new_stage("05") as chat:
        assert polled(chat, "hub.example.org", "/").ok


# ---- eyes ---------------------------------------------------------------------------------------


def open_to_others(folder: Path) -> list[str]:
    """Return the files in a folder, and the folder itself, that anybody but the owner can access."""
    every = [folder, *folder.rglob("*")]
    return [f"{oct(path.stat().st_mode)} {path}" for path in every if path.stat().st_mode & 0o077]


@pytest.fixture
def generous() -> Iterator[None]:
    """Use a umask that makes new files readable for everybody, as on most machines."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@posix_only
# The first step that stores something, and the first that stores files.
@pytest.mark.parametrize("step", ["08", "15"])
def test_what_a_step_stores_is_its_owners(generous: None, step: str) -> None:
    with stage(step) as chat:
        (ada,) = cast(chat, "Ada")
        ada.disconnect()
        assert chat.data and (chat.data / "chat.db").is_file()
        assert open_to_others(chat.data) == []


@posix_only
def test_what_the_finished_application_stores_is_its_owners(generous: None) -> None:
    with stage("final_app") as chat:
        (ada,) = cast(chat, "Ada")
        ada.disconnect()
        assert chat.data and (chat.data / "chat.db").is_file()
        assert open_to_others(chat.data) == []


@posix_only
def test_what_the_learners_chat_stores_is_the_learners(generous: None, my_chat: Path) -> None:
    catch_up("08")
    with stage("mine") as chat:
        say(chat, "only mine")
    assert (my_chat / "instance" / "chat.db").is_file()
    assert open_to_others(my_chat / "instance") == []


@posix_only
def test_a_folder_that_was_open_is_closed(generous: None, my_chat: Path) -> None:
    catch_up("08")
    (my_chat / "instance").mkdir()
    assert open_to_others(my_chat / "instance"), "the twin: it is open now"
    with stage("mine"):
        assert open_to_others(my_chat / "instance") == []


# ---- the debugger -------------------------------------------------------------------------------

FAILS = """
@app.route("/fails")
def fails() -> str:
    return str(1 / 0)
"""


def computed_pin() -> str:
    """Calculate the PIN of Werkzeug's console, as any user of this machine can.

    It depends on the server's user name, the application's class and file, the network card's
    address and the machine's ID. Everybody can read all of these.
    """
    pin, _ = get_pin_and_cookie_name(Flask("any"))
    assert pin
    return pin


@pytest.fixture
def debugged(my_chat: Path) -> Iterator[str]:
    """Return the address of a failing page of `run mine`."""
    catch_up("01")
    with (my_chat / "app.py").open("a") as app:
        app.write(FAILS)
    with running("mine", "--port", str(free_port(5350)[0])) as server:
        assert wait_until(lambda: page_says(server.url, "Served by"))
        yield server.url


def test_a_page_that_fails_shows_its_traceback(debugged: str) -> None:
    assert "ZeroDivisionError" in requests.get(f"{debugged}/fails", timeout=PATIENCE).text


def test_the_debugger_runs_no_code_for_whoever_computes_its_pin(debugged: str) -> None:
    """Another user of this machine can reach the port, and can calculate the PIN."""
    session = requests.Session()
    page = session.get(f"{debugged}/fails", timeout=PATIENCE).text
    secret = "".join(re.findall(r'SECRET = "(\w+)"', page))
    frame = "".join(re.findall(r'id="frame-(\d+)"', page)[-1:])
    ask = {"__debugger__": "yes", "s": secret, "frm": frame}
    guess = {"cmd": "pinauth", "pin": computed_pin()}
    session.get(debugged, params=ask | guess, timeout=PATIENCE)
    ran = session.get(debugged, params=ask | {"cmd": "6 * 111"}, timeout=PATIENCE).text
    console = session.get(f"{debugged}/console", timeout=PATIENCE)
    assert "666" not in ran
    assert console.status_code == 404
