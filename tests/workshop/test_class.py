"""Class mode: phones can enter with the join code, and nobody else can."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import websocket
import werkzeug.test
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from workshop import embed
from workshop.run import free_port
from workshop.stages import StageFailed
from workshop.teaching import class_mode, door
from workshop.teaching.class_mode import CONNECTIONS_OF_ONE, addresses, open_class

CODE = "abc234"
PEOPLE = 25
PATIENCE = 30.0  # seconds
MANY = 150  # requests at once
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"


@dataclass(frozen=True)
class Class:
    url: str
    port: int
    process: subprocess.Popen[str]

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def ask(self, path: str = "/", **options: Any) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=PATIENCE, **options)


def started(tmp_path: Path, minutes: float = 5) -> Class:
    """Run `workshop class 05` as in a terminal, and wait until it prints its invitation."""
    port, _ = free_port(5100)
    settings = {class_mode.CODE: CODE}
    log = tmp_path / "class.log"
    process = subprocess.Popen(
        [sys.executable, "-m", "workshop", "class", "05", "--port", str(port),
         "--hours", str(minutes / 60)],
        env=os.environ | settings | {"PYTHONUTF8": "1"}, stdin=subprocess.DEVNULL,
        stdout=log.open("w", encoding="utf-8"), stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"(?m)^Address: +(\S+)$", log.read_text(encoding="utf-8"))
        if found:
            return Class(found[1], port, process)
        time.sleep(0.05)
    raise AssertionError(log.read_text(encoding="utf-8"))


@pytest.fixture
def a_class(tmp_path: Path) -> Iterator[Class]:
    """A separate class for this test, because the requests of each address are counted."""
    try:
        addresses()
    except LookupError as problem:
        pytest.skip(str(problem).splitlines()[0])
    here = started(tmp_path)
    yield here
    here.process.terminate()
    here.process.wait(PATIENCE)


def joined(a_class: Class) -> str:
    """Join in the same way as a phone that has scanned the code. Return its cookie."""
    answer = a_class.ask(f"/join?code={CODE}", allow_redirects=False)
    assert answer.status_code == 303
    return "; ".join(f"{each.name}={each.value}" for each in answer.cookies)


def from_address(a_class: Class, number: int) -> socket.socket:
    """Connect to the local address from another address of this machine."""
    place = (urlsplit(a_class.url).hostname or "", a_class.port)
    return socket.create_connection(place, PATIENCE, source_address=(f"127.0.0.{number}", 0))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has 127.0.0.2 and its like")
def test_twenty_five_people_chat(a_class: Class) -> None:
    cookie = joined(a_class)
    with ExitStack() as stack:
        people = []
        for number in range(2, PEOPLE + 2):
            line = websocket.create_connection(
                f"ws://{a_class.host}{WEBSOCKET}", timeout=PATIENCE, cookie=cookie,
                socket=from_address(a_class, number),
            )  # fmt: skip
            people.append(stack.enter_context(closing(line)))
            assert str(line.recv()).startswith("0")
            line.send("40")
            assert str(line.recv()).startswith("40")
        message = {"username": "Ada", "text": "Hello, phones!"}
        people[0].send("42" + json.dumps(["new_message", message]))
        for line in people:
            assert json.loads(line.recv()[2:]) == ["new_message", message]


def test_strangers_come_to_the_door_only(a_class: Class) -> None:
    assert "Join code" in a_class.ask().text
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        websocket.create_connection(f"ws://{a_class.host}{WEBSOCKET}", timeout=PATIENCE)
    page = requests.get(f"http://127.0.0.1:{a_class.port}/", timeout=PATIENCE)
    assert "Welcome to the Chat Application!" in page.text, "this machine needs no code"
    cookie = {"Cookie": joined(a_class)}
    assert "Welcome to the Chat Application!" in a_class.ask(headers=cookie).text
    assert a_class.ask("/console", headers=cookie).status_code == 404, "there is no debugger"


def test_a_phone_that_tries_https_does_not_scroll_the_code_away(
    a_class: Class, tmp_path: Path
) -> None:
    assert a_class.ask().ok
    log = tmp_path / "class.log"
    before = log.read_text(encoding="utf-8")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"https://{a_class.host}/", timeout=PATIENCE)
    assert log.read_text(encoding="utf-8") == before
    assert CODE in before


def test_one_address_cannot_hold_all_connections(a_class: Class) -> None:
    with ExitStack() as stack:
        lines = [stack.enter_context(from_address(a_class, 9)) for _ in range(30)]
        for line in lines:
            line.settimeout(1)
        refused = sum(map(is_closed, lines[CONNECTIONS_OF_ONE:]))
        assert refused == len(lines) - CONNECTIONS_OF_ONE
        assert a_class.ask().ok


def is_closed(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_it_ends_by_itself(tmp_path: Path) -> None:
    here = started(tmp_path, minutes=0.02)
    assert here.process.wait(PATIENCE) == 0
    assert "Class mode has ended" in (tmp_path / "class.log").read_text(encoding="utf-8")


def test_a_notebook_opens_and_stops_it() -> None:
    shown = open_class("05")
    try:
        page = requests.get(shown.invitation.urls[0], timeout=PATIENCE)
        assert "Join code" in page.text
        bundle = shown._repr_mimebundle_()
        assert shown.invitation.code not in bundle["text/plain"]
        assert shown.invitation.code in bundle["text/html"]
        assert "<svg" in bundle["text/html"]
    finally:
        shown.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(shown.invitation.urls[0], timeout=PATIENCE)


def test_the_invitation_shows_the_other_addresses_of_the_machine() -> None:
    urls = ["http://10.8.0.2:5000", "http://192.168.1.5:5000"]
    shown = class_mode.Invitation("05_broadcast", urls, CODE, 2)
    for form in (str(shown), shown.view._repr_mimebundle_()["text/html"]):
        assert f"If that does not work, try {urls[1]}" in form
    assert "try" not in str(class_mode.Invitation("05_broadcast", urls[:1], CODE, 2))


@pytest.mark.skipif(os.name == "nt", reason="an old Windows console has no such colors")
def test_the_qr_code_is_white_on_black_in_every_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = class_mode.Invitation("05_broadcast", ["http://192.168.1.5:5000"], CODE, 2)
    plain = str(shown)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    blocks = [line for line in str(shown).splitlines() if "█" in line]
    assert len(blocks) > 10
    for line in blocks:
        assert line.startswith(class_mode.WHITE_ON_BLACK) and line.endswith(class_mode.RESET)
    without = str(shown).replace(class_mode.WHITE_ON_BLACK, "").replace(class_mode.RESET, "")
    assert without == plain, "only the QR code has colors, and a file has none"


def test_a_stage_that_does_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = tmp_path / "mine" / "chat"
    chat.mkdir(parents=True)
    (chat / "app.py").write_text("import nothing_like_this\n", encoding="utf-8")
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path / "mine"))
    with pytest.raises(StageFailed, match="nothing_like_this"):
        open_class("mine")


def test_it_does_not_run_on_a_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    assert embed.hub_prefix()
    with pytest.raises(LookupError, match="your own computer"):
        addresses()


# ---- the door alone -----------------------------------------------------------------------------


class Client(werkzeug.test.Client):
    environ: dict[str, str]

    def ask(self, path: str = "/", **more: str) -> TestResponse:
        return self.get(path, environ_overrides=self.environ | more)

    def enters(self, code: str) -> int:
        return self.post("/join", data={"code": code}, environ_overrides=self.environ).status_code


def a_door() -> Client:
    """Return a client at another address, in front of a door that hides a page."""
    inside = door.ClassDoor(Response("inside"), CODE, ["192.168.1.5", "Laptop.local"])
    client = Client(inside)
    client.environ = {"REMOTE_ADDR": "192.168.1.77", "HTTP_HOST": "192.168.1.5:5000"}
    return client


def test_the_code_opens_the_door() -> None:
    phone = a_door()
    assert phone.ask("/chat").status_code == 403
    phone.set_cookie("class_mode_80", "guessed")
    assert phone.ask("/chat").status_code == 403
    opened = phone.ask("/chat", HTTP_ACCEPT="text/html,*/*")
    assert opened.status_code == 403 and "Join code" in opened.text, "a browser gets the page"
    assert phone.enters(f" {CODE.upper()} ") == 303
    assert phone.ask("/chat").text == "inside"
    assert "Join code" in phone.ask(HTTP_HOST="laptop.local:5000").text, "a name works, too"


def test_a_phone_can_scan_the_code_again() -> None:
    phone = a_door()
    for _ in range(2):
        scanned = phone.ask(f"/join?code={CODE}")
        assert (scanned.status_code, scanned.location) == (303, "/")
    assert phone.ask("/join").text == "inside", "a learner's chat may have such a page"


def test_a_phone_can_be_in_two_classes_of_one_computer() -> None:
    phone = a_door()
    classes = {"5000": phone.application, "5001": a_door().application}
    for port, phone.application in classes.items():
        phone.environ["SERVER_PORT"] = port
        assert phone.enters(CODE) == 303
    for port, phone.application in classes.items():
        assert phone.ask("/chat", SERVER_PORT=port).text == "inside"


def test_a_wrong_code_is_refused_and_guessing_is_slow() -> None:
    phone = a_door()
    wrong = [phone.enters(f"x{number}") for number in range(20)]
    assert Counter(wrong) == {403: door.CODES_AT_ONCE, 429: 20 - door.CODES_AT_ONCE}
    assert phone.enters(CODE) == 429, "even the right code has to wait then"
    phone.environ["REMOTE_ADDR"] = "192.168.1.78"
    assert phone.enters(CODE) == 303, "another phone does not have to"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost", "127.0.0.1", "[::1]", "[::1", "192.168.1.5.evil.example", ""],
)
def test_a_foreign_name_is_refused(host: str) -> None:
    phone = a_door()
    assert phone.enters(CODE) == 303
    assert phone.ask(HTTP_HOST=host).status_code == 400


def test_a_flood_is_refused_and_others_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "REQUESTS_A_SECOND", 0.01)  # a slow machine earns no more meanwhile
    phone = a_door()
    found = Counter(phone.ask().status_code for _ in range(MANY))
    assert found == {200: door.REQUESTS_AT_ONCE, 429: MANY - door.REQUESTS_AT_ONCE}
    assert int(phone.ask().headers["Retry-After"]) >= 1
    assert phone.ask(REMOTE_ADDR="192.168.1.78").status_code == 200


def test_a_large_form_is_not_read() -> None:
    phone = a_door()
    assert phone.enters("x" * door.LONGEST_FORM * 2) in (403, 413)
