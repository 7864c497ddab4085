"""The process that runs the pages, with MiniRacer, LinkeDOM, `requests` and WebSockets to the server.

It reads one command per line, runs it, and prints one answer per line, all in JSON. It also reports when
a piece of the page's JavaScript begins and ends, because only the parent can stop an endless script.
"""

import base64
import html
import importlib.util
import json
import os
import queue
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 30.0  # seconds to wait for the server
PATIENCE = 2.0  # seconds to wait for an acknowledgement
REST = 0.015  # seconds without news after which pages are at rest, if the server is quick
TICKING = 0.5  # seconds after which pages are at rest although their timers go on, such as a clock
BANNER = "Socket.IO v"  # the browser client's first line
HERE = Path(__file__).parent
OURS = "workshop:"  # the names of our own scripts in V8 begin like this
SCRIPTS = ("", "module", "text/javascript", "application/javascript")
FRAME = re.compile(r"(?m)^ +at (?:.* \()?([^\s()]+):(\d+):(\d+)\)?$")
# Half of LinkeDOM is for style sheets. It is removed, because it takes longer to load than the rest.
STYLE_SHEETS = re.compile(
    r"(?s)// src/data/gen/property-list\.ts.*?(?=const tagName\$e = 'style';)"
)
# A module that imports or exports something. V8 runs no modules here.
MODULE = re.compile(r"(?m)^[ \t]*(?:import\b(?![ \t]*[(.])|export\b)")
# In a style sheet, comments and strings can contain what looks like a rule.
NO_RULES = re.compile(
    r"""(?s)/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|url\([^)'"]*\)"""
)
SELECTOR = re.compile(r"(?:[^,()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))+")
DISPLAY = re.compile(r"(?i)\s*display\s*:\s*([\w-]+)[^!]*(!\s*important)?\s*")
UNCAUGHT = re.compile(
    r"(?s)(?P<file>[^\n]*?):(?P<line>\d+): (?P<message>.*?)\n[^\n]*\n(?P<indent> *)\^"
)
# The parts of a frame: Engine.IO's type 4 for a message, Socket.IO's type, the namespace, the number of
# the acknowledgement, and the values.
PACKET = re.compile(r"(?s)4([0-4])(?:/[^,]*,)?(\d*)(.*)")
CONNECT, EVENT, ANSWER, REFUSED = "0", "2", "3", "4"


class Connection:
    """A WebSocket of a page. The page's Socket.IO client sends and reads its frames."""

    def __init__(self, page: "Page", number: int, url: str) -> None:
        self.page, self.number, self.url, self.document = page, number, url, page.document
        self.socket: Any = None
        self.is_connecting = True  # until the server has answered the client's first packet
        self.awaited: dict[str, tuple[str, float]] = {}  # event and time, by its acknowledgement
        self.last: dict[str, str] = {}  # the last frame with each event
        threading.Thread(target=self._live, daemon=True).start()

    def _live(self) -> None:
        try:
            if self.page.is_offline:
                raise ConnectionError
            self.socket = websocket.create_connection(
                self.url, timeout=TIMEOUT, cookie=self.page.cookies(self.url),
                origin=self.page.origin, enable_multithread=True,
            )  # fmt: skip
            self.socket.settimeout(None)
            self._tell("open")
            while frame := self.socket.recv():
                inbox.put((self.page, self.document, partial(self.hear, frame)))
        except (OSError, ValueError, websocket.WebSocketException):
            if not self.socket:
                self._tell("error")
        self._tell("close")

    def hear(self, frame: str) -> None:
        """Pass a frame from the server on to the page, and record its content."""
        if self.page.is_paused:
            self.page.kept.append((self, frame))
            return
        kind, number, rest = packet_of(frame)
        during = "the connection"
        if kind in (CONNECT, REFUSED):
            self.is_connecting = False
            during = "the event " + ("connect" if kind == CONNECT else "connect_error")
            if kind == REFUSED:
                self.page.note("heard", ["connect_error", json.loads(rest)])
        elif kind == ANSWER and number in self.awaited:
            name, since = self.awaited.pop(number)
            self.page.took = time.monotonic() - since
            if name in self.page.answers:
                frame = f"4{ANSWER}{number}[{self.page.answers.pop(name)}]"
            during = f"the acknowledgement of {name}"
        elif kind == EVENT:
            event = json.loads(rest)
            event[0] = str(event[0])  # `emit(message)` makes the message the name of the event
            if event[0] in self.page.losing:
                self.page.losing.remove(event[0])
                return
            self.last[event[0]] = frame
            self.page.note("heard", event)
            during = f"the event {event[0]}"
        self._give("message", during, frame)

    def send(self, frame: str) -> None:
        kind, number, rest = packet_of(frame)
        if kind == EVENT:
            self.page.note("sent", json.loads(rest))
        if kind == EVENT and number:
            self.awaited[number] = (json.loads(rest)[0], time.monotonic())
        with suppress(OSError, websocket.WebSocketException):
            self.socket.send(frame)

    def close(self, code: int = 1000) -> None:
        self.is_connecting = False
        self.awaited.clear()
        if self.socket:
            with suppress(OSError, websocket.WebSocketException):
                self.socket.send_close(code)
        self.drop()

    def drop(self) -> None:
        """End the connection without a close frame, as if the network were lost. The page notices."""
        if self.socket and self.socket.sock:
            with suppress(OSError):
                self.socket.sock.shutdown(socket.SHUT_RDWR)

    @property
    def is_waiting(self) -> bool:
        now = time.monotonic()
        return self.is_connecting or any(now - at < PATIENCE for _, at in self.awaited.values())

    def _tell(self, what: str) -> None:
        def tell() -> None:
            if what != "open":
                self.is_connecting = False
                self.awaited.clear()
            if what == "close":
                self.page.connections.pop(self.number, None)
            during = {"error": "the event connect_error", "close": "the event disconnect"}
            self._give(what, during.get(what, "the connection"))

        inbox.put((self.page, self.document, tell))

    def _give(self, what: str, during: str, *data: str) -> None:
        values = json.dumps([self.number, what, *data])
        self.page.run(f"workshop.hear(...{values})", during)


def packet_of(frame: str) -> tuple[str, ...]:
    """Return the type, acknowledgement number and values of a Socket.IO frame, or ("", "", "")."""
    found = PACKET.fullmatch(frame)
    return found.groups() if found else ("", "", "")


class Page:
    """Somebody's page. `report` collects the news that the parent will receive."""

    def __init__(self, number: int, origin: str, cookies: list[dict[str, str]]) -> None:
        self.number, self.origin, self.document, self.url = number, origin, 0, ""
        self.http = requests.Session()
        self.http.trust_env = False  # no proxy is between the page and its server
        for each in cookies:
            self.http.cookies.set(**each)
        self.engine: Any = None
        self.connections: dict[int, Connection] = {}
        self.fetching = 0
        self.took = 0.0  # seconds that the server needed for its last answer
        self.is_offline = False
        self.is_paused = False
        self.kept: list[tuple[Connection, str]] = []  # frames that arrived during a pause
        self.losing: list[str] = []  # events of which the next one gets lost
        self.answers: dict[
            str, str
        ] = {}  # what the page receives as the acknowledgement of an event
        self.next_timer: float | None = None  # seconds since 1970
        self.stored: Any = None  # localStorage and sessionStorage
        self.sources: dict[str, str] = {}
        self.report: dict[str, list[Any]] = {}

    def note(self, what: str, *values: Any) -> None:
        self.report.setdefault(what, []).extend(values)

    def cookies(self, url: str) -> str:
        asked = requests.Request("GET", url.replace("ws", "http", 1)).prepare()
        return requests.cookies.get_cookie_header(self.http.cookies, asked) or ""

    # ---- loading ----
    def request(self, method: str, url: str, **options: Any) -> Any:
        """Send a request and return the response, or None if no response arrives."""
        origin = {} if method == "GET" else {"Origin": self.origin}
        options["headers"] = origin | options.get("headers", {})
        began = time.monotonic()
        try:
            if self.is_offline:
                raise requests.ConnectionError
            answer = self.http.request(method, url, timeout=TIMEOUT, **options)
        except requests.RequestException:
            self.note("requests", [method, url, 0])
            return None
        self.took = time.monotonic() - began
        for each in [*answer.history, answer]:
            self.note("requests", [each.request.method, each.url, each.status_code])
        if "charset" not in answer.headers.get("Content-Type", ""):
            answer.encoding = "utf-8"
        return answer

    def go(self, method: str, url: str, **asked: Any) -> None:
        """Open another page, and run its scripts."""
        if not url.startswith("http"):
            return
        answer = self.request(method, url, **body_of(asked))
        if answer is None:
            text, self.url = "<p>This site can’t be reached</p>", url
        else:
            text, self.url = answer.text, answer.url
            if "html" not in answer.headers.get("Content-Type", ""):
                text = f"<pre>{html.escape(text)}</pre>"
        self.leave()
        self.document += 1
        self.engine = engines.take()
        self.load(text)

    def load(self, text: str) -> None:
        address = urlsplit(self.url).path
        self.sources = {address: text}
        repaired = JustHTML(text, sanitize=False).to_html(pretty=False)
        arguments = ", ".join(map(json.dumps, (repaired, self.url, self.stored)))
        scripts = self.evaluate(f"workshop.open({arguments})")
        rules = [
            rule
            for sheet in self.evaluate("workshop.sheets()")
            for rule in rules_about_display(
                sheet["text"] or style_sheet(self, sheet["href"]), sheet["media"]
            )
        ]
        rules.sort(key=lambda rule: rule[0])
        self.evaluate(f"workshop.style({json.dumps(rules)})")
        position = 0
        for script in sorted(scripts, key=lambda each: each["deferred"]):
            if script["type"] not in SCRIPTS:
                continue
            if script["src"]:
                name, code = self.fetch_script(script["src"])
            else:
                start = max(text.find(script["text"], position), 0)
                position = start if script["deferred"] else start + len(script["text"])
                line_start = text.rfind("\n", 0, start) + 1
                name = address  # the script's line numbers are those of the page
                indent = "\n" * text.count("\n", 0, start) + " " * (start - line_start)
                code = indent + script["text"]
            if script["type"] == "module":
                if MODULE.search(code):
                    self.note(
                        "errors", {"kind": "module", "message": "Cannot be tried.", "file": name}
                    )
                    continue
                code = f"(async () => {{ 'use strict'; {code}\n}})()"
            if not script["deferred"]:
                self.evaluate(f"workshop.enter({script['at']})")
            self.run(f"{code}\n//# sourceURL={name}", f"running {name}", name)
        self.run("workshop.loaded()", "loading the page")

    def fetch_script(self, url: str) -> tuple[str, str]:
        """Return a script's path, as the learner knows it, and its text, or "" if there is none."""
        name = urlsplit(url).path.lstrip("/")
        is_ours = url.startswith(self.origin)
        answer = self.request("GET", url) if is_ours else None
        if answer is None or answer.status_code != 200:
            why = f"{answer.status_code} ({answer.reason})" if answer is not None else (
                "net::ERR_CONNECTION_REFUSED" if is_ours else "net::ERR_INTERNET_DISCONNECTED"
            )  # fmt: skip
            error = {"kind": "resource", "message": f"GET {url} {why}", "stack": ""}
            self.fail(error, "loading the page", name)
            return name, ""
        if (
            BANNER not in answer.text[:200]
        ):  # an error inside the client was caused by the page's script
            self.sources[name] = answer.text
        return name, answer.text

    # ---- JavaScript ----
    def run(self, code: str, during: str, name: str = "") -> Any:
        """Run JavaScript of the page, or a call of it, and then carry out what it asks for."""
        say({"running": [self.number, during]})
        try:
            return self.engine.eval(code)
        except JSEvalException as error:
            kind = "syntax" if isinstance(error, JSParseException) else "error"
            self.fail({"kind": kind, "stack": str(error)}, during, name)
            return None
        finally:
            self.carry_out(during, bool(name))  # V8 has run the page's microtasks by then
            say({"running": None})

    def evaluate(self, code: str) -> Any:
        """Run our own JavaScript and return its value."""
        return json.loads(self.engine.eval(f"JSON.stringify({code} ?? null)"))

    def fail(self, error: dict[str, str], during: str, name: str = "") -> None:
        """Record an error as the console would show it, with the place in the learner's code."""
        uncaught = UNCAUGHT.match(error["stack"])
        frames = [found for found in FRAME.findall(error["stack"]) if found[0] in self.sources]
        file, line, column = frames[0] if frames else (name, 0, 0)
        line, column = int(line), int(column)
        if uncaught:
            error["message"] = uncaught["message"]
            if not frames and not uncaught["file"].startswith(OURS):
                # When V8 finds a syntax error, it has not read the script's name yet.
                line, column = int(uncaught["line"]), len(uncaught["indent"]) + 1
        lines = self.sources.get(file, "").split("\n")
        if line > len(lines):  # the error is at the end of the script, where our own line follows
            line, column = len(lines), len(lines[-1]) + 1
        source_line = lines[line - 1].rstrip() if 0 < line <= len(lines) else ""
        self.note("errors", {
            "kind": error["kind"], "message": error["message"], "during": during,
            "file": file, "line": line, "column": column, "source_line": source_line,
        })  # fmt: skip

    def carry_out(self, during: str, is_script: bool) -> None:
        taken = self.evaluate(f"workshop.take({json.dumps(is_script)})")
        self.next_timer = taken["nextTimer"] and taken["nextTimer"] / 1000
        for error in taken["errors"]:
            self.fail(error, during)
        self.note("console", *taken["console"])
        for asked in taken["asked"]:
            getattr(self, f"do_{asked.pop('what')}")(**asked)

    # ---- tasks from JavaScript ----
    def do_go(self, id: int, url: str, **asked: Any) -> None:
        inbox.put((self, self.document, lambda: self.go(url=url, **asked)))

    def do_fetch(
        self, id: int, method: str, url: str, headers: dict[str, str], **asked: Any
    ) -> None:
        document = self.document
        self.fetching += 1

        def fetch() -> None:
            got = self.request(method, url, **body_of(asked, headers))
            answer = got is not None and {
                "status": got.status_code, "statusText": got.reason, "url": got.url,
                "headers": {name.lower(): value for name, value in got.headers.items()},
                "text": got.text, "redirected": bool(got.history),
            }  # fmt: skip
            code = f"workshop.answer({id}, {json.dumps(answer)})"
            during = f"the answer to {method} {urlsplit(url).path}"
            inbox.put((self, document, partial(self.run, code, during)))
            self.fetching -= 1

        threading.Thread(target=fetch, daemon=True).start()

    def do_connect(self, id: int, url: str) -> None:
        self.connections[id] = Connection(self, id, url)

    def do_send(self, id: int, connection: int, frame: str) -> None:
        if connection in self.connections:
            self.connections[connection].send(frame)

    def do_disconnect(self, id: int, connection: int) -> None:
        if connection in self.connections:
            self.connections[connection].close()

    # ---- commands ----
    def act(self, name: str, *values: Any) -> Any:
        during = f"{name} {values[0]}" if values else name
        code = f"JSON.stringify(workshop.act(...{json.dumps([name, *values])}))"
        told = json.loads(self.run(code, during) or "{}")
        if "missing" in told:
            raise LookupError(told["missing"])
        return told.get("value")

    def script(self, code: str, name: str) -> None:
        self.sources[name] = code
        self.run(f"{code}\n//# sourceURL={name}", f"running {name}", name)

    def go_offline(self) -> None:
        self.is_offline = True
        for connection in self.connections.values():
            connection.drop()

    def go_online(self) -> None:
        self.is_offline = False

    def lose(self, event: str) -> None:
        self.losing.append(event)

    def answer(self, event: str, value: str) -> None:
        self.answers[event] = value

    def hurry(self, seconds: float) -> None:
        for timer in self.evaluate(f"workshop.timersWithin({seconds * 1000})"):
            self.run(f"workshop.runTimer({timer})", "a timer")

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False
        for connection, frame in self.kept:
            connection.hear(frame)
        self.kept.clear()

    def repeat(self, event: str) -> None:
        for connection in [*self.connections.values()]:
            connection.hear(connection.last[event])

    def leave(self) -> None:
        for connection in self.connections.values():
            connection.close(1001)
        self.connections.clear()
        if self.engine:
            self.stored = self.evaluate("workshop.stored()")
            self.engine.close()
            self.engine, self.next_timer = None, None

    @property
    def is_waiting(self) -> bool:
        """Whether the page still waits for something. What has arrived is in the inbox by then."""
        return self.fetching > 0 or any(
            connection.is_waiting for connection in self.connections.values()
        )


def body_of(asked: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the arguments with which `requests` sends the body of a form or of `fetch`."""
    headers = headers or {}
    if asked.get("fields"):
        parts = [
            (name, (value["name"], base64.b64decode(value["body"]), value["type"]))
            if isinstance(value, dict) else (name, (None, value))
            for name, value in asked["fields"]
        ]  # fmt: skip
        return {"files": parts, "headers": headers}
    if "body" not in asked:
        return {"headers": headers}
    return {"data": asked["body"].encode(), "headers": {"Content-Type": asked["type"]} | headers}


@cache
def style_sheet(page: Page, url: str) -> str:
    answer = page.request("GET", url) if url.startswith(page.origin) else None
    return answer.text if answer is not None and answer.status_code == 200 else ""


@cache
def rules_about_display(sheet: str, media: str) -> list[tuple[tuple[int, ...], str, bool]]:
    """Return each rule's weight, its selector, and whether it hides what it selects.

    Whether a rule in `@media`, `@layer` and so on holds is not known: there, no rule hides. Rules in
    other rules are left out.
    """
    found: list[tuple[tuple[int, ...], str, bool]] = []
    around, text = [f"@media {media}"] if media else [], ""
    sheet = NO_RULES.sub(
        lambda part: "" if part[0][0] == "/" else re.sub("[{};]", " ", part[0]), sheet
    )
    for part in re.split(r"([{};])", sheet + "}"):
        if part == "{":
            around.append(text.strip())
        elif part in ("}", ";") and (display := DISPLAY.fullmatch(text)):
            hides, selectors = display[1].lower() == "none", [s for s in around if s[:1] != "@"]
            if len(selectors) == 1 and not (hides and len(around) > 1):
                for selector in SELECTOR.findall(selectors[0]):
                    weight = bool(display[2]), *specificity(selector)
                    found.append((weight, selector.strip(), hides))
        if part == "}" and around:
            around.pop()
        text = part
    return found


def specificity(selector: str) -> tuple[int, int, int]:
    """Return how many ids, classes and elements a selector names. Of two rules, the higher counts."""
    bare = re.sub(
        r"\\.|:where\([^()]*\)|:(?:is|not|has)\b", "", re.sub(r"\[[^]]*\]", ".x", selector)
    )
    elements = re.findall(r"(?:^|[\s>+~(])[a-zA-Z]", bare)
    return bare.count("#"), len(re.findall(r"[.:]", bare)), len(elements)


class Engines:
    """V8 engines with everything that a page needs.

    While a page runs, a thread prepares the next engine.
    """

    def __init__(self) -> None:
        self.browser = (HERE / "browser.js").read_text(
            "utf-8"
        ) + f"\n//# sourceURL={OURS}browser.js"
        self.linkedom = linkedom()
        self.thread = ThreadPoolExecutor(1)
        self.next = self.thread.submit(self.make)

    def make(self) -> Any:
        engine = MiniRacer()
        for script in (self.browser, self.linkedom):
            engine.eval(script)
        return engine

    def take(self) -> Any:
        engine = self.next.result()
        self.next = self.thread.submit(self.make)
        return engine


def linkedom() -> str:
    """Return LinkeDOM as a script that defines only the name `LinkeDOM` in the page.

    Raises ImportError or OSError if the file is missing.
    """
    found = importlib.util.find_spec("socketio_browser")
    if not found or not found.origin:
        raise ImportError("There is no socketio_browser.")
    source = (Path(found.origin).parent / "linkedom.js").read_text("utf-8")
    code, _, _ = source.rpartition("export {")
    code = STYLE_SHEETS.sub("", code, count=1)
    # LinkeDOM contains the class for forms, but does not use it.
    form = 'registerHTMLClass("form", HTMLFormElement);'
    exported = "globalThis.LinkeDOM = { parseHTML };"
    return f"(() => {{{code}\n{form}{exported}\n}})()\n//# sourceURL={OURS}linkedom.js"


def live(seconds: float) -> str:
    """Run the pages until something happens, or until the time is over. Return "news" or "a timer"."""
    end = time.monotonic() + seconds
    while True:
        timers = [page.next_timer - time.time() for page in pages.values() if page.next_timer]
        wait = min([end - time.monotonic(), *timers])
        with suppress(queue.Empty):
            page, document, then = inbox.get(timeout=wait) if wait > 0 else inbox.get_nowait()
            if document == page.document and page.engine:  # else the browser has left it
                then()
            return "news"
        now, happened = time.time(), ""
        for page in [*pages.values()]:
            if page.next_timer and page.next_timer <= now:
                page.run("workshop.runTimer()", "a timer")
                happened = "a timer"
        if happened or time.monotonic() >= end:
            return happened


def settle(seconds: float) -> bool:
    """Run the pages until they are at rest. Return whether this happened in time.

    They are at rest when nothing has arrived for a certain time: the time that the server took for its
    last response.
    """
    begun = time.monotonic()
    end = begun + seconds
    while time.monotonic() < end:
        rest = max([REST, *(min(page.took, 20 * REST) for page in pages.values())])
        happened = live(rest)
        is_waiting = any(page.is_waiting for page in pages.values())
        if happened == "news":
            begun = time.monotonic()
        is_quiet = not happened or time.monotonic() - begun > TICKING
        if is_quiet and not is_waiting and inbox.empty():
            return True
    return False


# ---- the conversation with the parent -------------------------------------------------------------
def say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


def listen() -> None:
    try:
        for line in sys.stdin:
            commands.put(json.loads(line))
    finally:
        os._exit(0)  # the parent has ended, whatever the pages are doing


def obey(do: str, page: int = 0, values: tuple[Any, ...] = (), **about: Any) -> Any:
    """Execute a command from the parent.

    Raises LookupError if the command names something that the page does not have.
    """
    if do == "open":
        pages[page] = Page(page, about["origin"], about["cookies"])
        return pages[page].go("GET", about["origin"] + about["path"])
    if do in ("live", "settle"):
        return {"live": live, "settle": settle}[do](about["seconds"])
    return getattr(pages[page], do)(*values)  # act, script, go_offline, go_online, pause …


def main() -> None:
    threading.Thread(target=listen, daemon=True).start()
    say({"isReady": True})
    while True:
        try:
            answer = {"value": obey(**commands.get())}
        except LookupError as missing:
            answer = {"missing": str(missing.args[0])}
        news = {}
        for number, page in pages.items():
            news[number], page.report = page.report | {"url": page.url}, {}
        say(answer | {"news": news})


inbox: queue.Queue[tuple[Page, int, Callable[[], None]]] = queue.Queue()
commands: queue.Queue[dict[str, Any]] = queue.Queue()
pages: dict[int, Page] = {}
try:
    from py_mini_racer import JSEvalException, JSParseException, MiniRacer

    engines = Engines()  # V8 starts while Python reads the rest
    import requests
    import websocket
    from justhtml import JustHTML

    engines.next.exception()
except (ImportError, OSError) as problem:
    say({"cannot": f"{type(problem).__name__}: {problem}"})
else:
    main()
