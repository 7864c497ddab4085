"""The clients of the oracle's people: a browser, a Python client, or a program that uses HTTP."""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests
import socketio
from playwright.sync_api import Browser, ConsoleMessage, Response
from playwright.sync_api import Error as PlaywrightError
from socketio.exceptions import SocketIOError

PATIENCE = 2.0  # seconds, for what comes within a few milliseconds on an idle machine
ACTING = 5.0  # seconds, until a button can be clicked
BRIEFLY = 0.25  # seconds, for what should not come
LOADING = 5.0  # seconds, for a page
HERE = Path(__file__).parent
WATCH = (HERE / "watch.js").read_text("utf-8")
SNAPSHOT = (HERE / "snapshot.js").read_text("utf-8")
PAINTED = "performance.getEntriesByType('paint').length > 0"

Facets = dict[str, str]

# What is another each time.
CHANCE = [
    (re.compile(r"https?://127\.0\.0\.1:\d+"), "http://chat"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z?"), "<time>"),
    (re.compile(r'(name="csrf_token"[^>]*value=)"[^"]+"'), r'\1"<token>"'),
    (re.compile(r'(value=)"[^"]{60,}"'), r'\1"<token>"'),
    (re.compile(r'("csrf_token",\s*)"[^"]{20,}"'), r'\1"<token>"'),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<id>"),
    (re.compile(r'("(?:sid|upgrades)": ?)"[^"]*"'), r"\1<sid>"),
    (re.compile(r"0x[0-9a-f]{6,}"), "<address>"),
    (re.compile(r"\b(Wait |retry_after\"?: ?)(?:[1-9]|10)\b"), r"\1<n>"),
    (re.compile(r"(/tmp|/var)[/\w.-]*/"), "<folder>/"),
]


def plain(text: str) -> str:
    """Return a text without the parts that differ on every run: times, tokens, IDs, ports."""
    for pattern, instead in CHANCE:
        text = pattern.sub(instead, text)
    return text


def packets_in(direction: str, data: str) -> list[str]:
    """Return the Socket.IO packets of a frame or a poll, without the numbers of acknowledgements."""
    found = []
    for packet in data.split("\x1e"):
        if not packet.startswith("4"):
            continue  # of Engine.IO itself: the handshake, a ping, an upgrade
        kind, rest = packet[1:2], packet[2:]
        number = re.match(r"\d*", rest)[0]  # type: ignore[index]
        wants = " and wants an answer" if number and kind == "2" else ""
        found.append(plain(f"{direction} {kind}{wants} {in_order(rest[len(number) :])}"))
    return found


def keep(packets: list[str], packet: str) -> None:
    """Keep a packet if it does not depend on timing how often it arrives.

    Of the events about who is here, only the last one for each room counts: a person who goes from
    one page to the next may be gone in between, or not. A client that is refused may try again any
    number of times.
    """
    if '["presence"' in packet:
        room = re.search(r'"room": \S+', packet)
        packets[:] = [
            each for each in packets if '["presence"' not in each or (room and room[0] not in each)
        ]
        packets.append(packet)
    elif not re.match(r"(sent|heard) [04] ", packet) or packet not in packets:
        packets.append(packet)


def in_order(payload: str) -> str:
    try:
        return json.dumps(json.loads(payload), sort_keys=True) if payload else ""
    except ValueError:
        return payload


def by_chance(message: ConsoleMessage) -> bool:
    """Return whether a message depends on what a client was doing when the server refused it."""
    text, address = message.text, str(message.location.get("url", ""))
    late = "(BAD REQUEST)" in text and "/socket.io/" in address
    return late or "closed before the connection is established" in text or "/favicon" in address


class Seat:
    """Somebody's browser with one page.

    If an action is impossible, this counts as an error of the page.
    """

    def __init__(self, browser: Browser) -> None:
        self.context = browser.new_context(
            reduced_motion="reduce", viewport={"width": 700, "height": 420}
        )
        self.context.set_default_timeout(ACTING * 1000)
        self.context.set_default_navigation_timeout(LOADING * 1000)
        self.context.add_init_script(WATCH)
        self.page = self.context.new_page()
        self.url = ""
        self._forget()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.add(f"uncaught: {error.message}"))
        self.page.on("response", self._note)
        self.page.on("dialog", lambda dialog: dialog.dismiss())

    def begin(self, url: str) -> None:
        """Start again without cookies, at the front page of the chat at this address."""
        self.url = url
        self.context.set_offline(False)
        self.page.goto("about:blank")
        self.context.clear_cookies()
        self._forget()

    def _forget(self) -> None:
        self.packets: list[str] = []
        self.requests: list[str] = []
        self.errors: set[str] = set()
        self.said: set[str] = set()

    def look(self) -> Facets:
        """Return what there is to see now, by facet."""
        try:
            found = {key: plain(text) for key, text in self.page.evaluate(SNAPSHOT).items()}
        except PlaywrightError as error:  # the page is on its way to another
            found = {"page": f"no page: {error.message}"}
        return found | {
            "packets": "\n".join(sorted(self.packets)),
            "requests": "\n".join(sorted(self.requests)),
            "errors": "\n".join(sorted(plain(each) for each in self.errors)),
            "said": "\n".join(sorted(plain(each) for each in self.said)),
        }

    def go(self, path: str) -> None:
        self._try(lambda: self.page.goto(self.url + path, wait_until="load"))

    def leave(self) -> None:
        self._try(lambda: self.page.goto("about:blank"))

    def fill(self, selector: str, text: str) -> None:
        self._try(lambda: self.page.fill(selector, text))

    def press(self, selector: str, key: str = "Enter") -> None:
        self._try(lambda: self.page.wait_for_function(PAINTED))
        self._try(lambda: self.page.press(selector, key))

    def click(self, selector: str) -> None:
        self._try(lambda: self.page.click(selector))

    def choose(self, name: str, content: bytes, mime: str) -> None:
        file = {"name": name, "mimeType": mime, "buffer": content}
        self._try(lambda: self.page.set_input_files("input[type=file]", file))  # type: ignore[arg-type]

    def run(self, script: str) -> None:
        self._try(lambda: self.page.evaluate(script))

    def say(self, text: str, *, click: bool = False) -> None:
        self.fill("#message-input", text)
        if click:
            self.click("#message-form button")
        else:
            self.press("#message-input")

    def settle(self) -> None:
        """Wait until the page uses a WebSocket, because it polls at first."""
        self._try(lambda: self.page.wait_for_function("__line.upgraded && __line.connected"))

    def go_offline(self) -> None:
        """Lose the network, until `go_online`."""
        self.context.set_offline(True)
        self.run("__line.cut()")

    def go_online(self) -> None:
        self.context.set_offline(False)

    def cookies(self) -> dict[str, str]:
        return {each["name"]: each["value"] for each in self.context.cookies()}

    def rest(self, seconds: float) -> None:
        self.page.wait_for_timeout(seconds * 1000)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except PlaywrightError as error:
            self.errors.add(f"could not: {error.message.splitlines()[0]}")

    def _hear(self, message: ConsoleMessage) -> None:
        text = message.text
        if message.type == "debug" and text.startswith(("@sent ", "@heard ")):
            direction, _, data = text[1:].partition(" ")
            for packet in packets_in(direction, data):
                keep(self.packets, packet)
        elif message.type == "debug" and text.startswith("@said online"):
            pass  # as with `presence`, only the last counts, and the page shows it
        elif message.type == "debug" and text.startswith("@said "):
            self.said.add(text[6:])
        elif message.type in ("error", "warning", "log") and not by_chance(message):
            self.errors.add(f"console: {re.sub(r':[0-9]+:[0-9]+', '', text)}")

    def _note(self, response: Response) -> None:
        path = response.url.removeprefix(self.url)
        if not path.startswith(("/socket.io", "data:", "/favicon")):
            self.requests.append(plain(f"{response.request.method} {path} {response.status}"))


class Client:
    """Somebody who uses python-socketio's client."""

    def __init__(
        self, url: str, auth: object = None, cookies: Mapping[str, str] | None = None
    ) -> None:
        session = requests.Session()
        session.trust_env = False
        session.cookies.update(dict(cookies or {}))
        self.heard: list[str] = []
        self.answer: object = "let in"
        self.gone = False
        self.client = socketio.Client(reconnection=False, http_session=session)
        self.client.on("*", self._hear)
        self.client.on("connect_error", self._refused)
        self.client.on("disconnect", lambda *_: self.heard.append("disconnected"))
        try:
            self.client.connect(
                url, auth=auth, transports=["websocket"], wait_timeout=PATIENCE, retry=False
            )
        except SocketIOError as error:
            if self.answer == "let in":
                self.answer = f"refused: {error}"

    def _hear(self, event: str, *values: object) -> None:
        keep(self.heard, plain(json.dumps([event, *values], sort_keys=True)))

    def _refused(self, reason: object = None) -> None:
        self.answer = {"refused": reason}

    def call(self, event: str, *values: object, patience: float = PATIENCE) -> str:
        """Emit an event. Return the answer, or that there was none."""
        try:
            data = values if len(values) != 1 else values[0]
            answer = self.client.call(event, data, timeout=patience)
        except SocketIOError as error:
            return f"no answer: {type(error).__name__}"
        return plain(json.dumps(answer, sort_keys=True))

    def look(self) -> Facets:
        """Return what it has heard; nothing of who has left: whether the last words came is chance."""
        if self.gone:
            return {}
        return {"answers": "\n".join([plain(str(self.answer)), *sorted(self.heard)])}

    def leave(self) -> None:
        self.gone = True
        threading.Thread(target=self.client.disconnect, daemon=True).start()
        end = time.monotonic() + PATIENCE
        while self.client.connected and time.monotonic() < end:
            time.sleep(0.005)


class Web:
    """Somebody who uses HTTP from a program, which stores cookies and sends the page's CSRF token."""

    def __init__(self, url: str) -> None:
        self.url, self.token = url, ""
        self.session = requests.Session()
        self.session.trust_env = False

    def ask(self, method: str, path: str, **how: Any) -> str:
        """Return the status, the headers and, unless it is a page, the body."""
        try:
            response = self.session.request(
                method, self.url + path, timeout=LOADING, allow_redirects=False, **how
            )
        except requests.RequestException as error:
            return f"no answer: {type(error).__name__}"
        kind = response.headers.get("Content-Type", "")
        if found := re.search(r'name="csrf_token" value="([^"]+)"', response.text):
            self.token = found[1]
        cookie = re.sub(r"=[^;]*;", "=…;", response.headers.get("Set-Cookie", ""), count=1)
        headers = [
            response.headers.get(name, "") for name in ("Location", "Content-Disposition", "Allow",
                                                        "X-Content-Type-Options")
        ]  # fmt: skip
        headers[2] = ", ".join(sorted(headers[2].split(", ")))
        body = "" if kind.startswith("text/html") else in_order(response.text[:2000])
        return plain("\n".join([str(response.status_code), kind, *headers, cookie, body]))

    def post(self, path: str, **fields: object) -> str:
        return self.ask("POST", path, data={"csrf_token": self.token, **fields})

    def cookies(self) -> dict[str, str]:
        return {each.name: each.value or "" for each in self.session.cookies}
