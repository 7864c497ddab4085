"""A live page of a learner's chat: its scripts run in V8 and connect to the learner's own server.

    with Pages(chat) as pages:
        ada, bo = pages.open("/chat?username=Ada"), pages.open("/chat?username=Bo")
        ada.type("#message-input", "Hello")
        ada.submit("#message-form")
        bo.wait(lambda: "Hello" in bo.text("#chat-messages"))

One child process (`child.py`) runs the pages of all people, each in its own V8 engine. LinkeDOM
provides the document, and `browser.js` provides the other parts of a browser. The parent process
watches how long a script runs and how much memory it uses, and kills the child if necessary. V8's own
limits do not stop endless microtasks or large typed arrays.

The pages differ from Chromium in these points (tests/browser/test_page_alike.py compares them):
- Nothing is drawn, but `hidden` and `display: none` hide text. No images are fetched: an image neither
  loads nor fails, and `innerText` is the text with all its spaces. Sizes are 0, but an element that
  contains others can be scrolled.
- Nothing is loaded from other hosts. A script from a CDN is missing, as it is without a network.
- The Socket.IO client connects by WebSocket at once, without polling, and reconnects within 0.2 s.
- An error in an attribute such as `onclick` has no line. The attribute works if it is in the page's
  HTML, but not if a script adds it.
- V8 by itself does not report rejected promises. If the page calls an async function without `await`,
  and the function rejects, this is reported only if the function is declared with `function` at the
  top level of a script that has ended.
- A module runs as an async function. If it imports or exports something, it does not run, and
  `Page.errors` says so.
- In a style sheet, rules in `@media`, `@layer` and so on can show an element, but not hide it.
- Selects, radio buttons and the keyboard do not work as in a browser.
"""

import base64
import contextlib
import itertools
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import requests

from workshop import stages
from workshop.checks.patience import long_patience
from workshop.checks.promise import CannotRun
from workshop.stages import Stage, child_environment

READY_TIMEOUT = 30.0  # seconds; on a slow laptop, V8 takes a while to load
RUN_TIMEOUT = 3.0  # seconds that a script can run without a pause
SERVER_TIMEOUT = 60.0  # seconds that a page waits for the server
MEMORY = 700_000_000  # bytes of resident memory that the child can use; two pages use 150 MB
LOOK = 0.05  # seconds between two checks of the child
LIVE = 0.2  # seconds after which a condition is tested even if nothing has happened
PYTHONS = ("PYTHONUTF8", "PYTHONUNBUFFERED", "PYTHON_COLORS")  # variables that the child receives


class PageEnded(RuntimeError):
    """The child process was killed or has crashed, so all pages have ended. `error` is the cause."""

    def __init__(self, error: "PageError") -> None:
        self.error = error
        super().__init__(str(error))


@dataclass(frozen=True)
class PageError:
    """An error that the browser's console would show.

    `kind` is "error" (an uncaught error), "rejection" (a rejected promise that nothing handles),
    "syntax", "resource" (a script that could not be loaded), "module" (a module that imports or exports
    something, which cannot run here), "time", "memory" or "crash". `message` is
    V8's own message, such as "TypeError: x is not a function". `file` is the path of a script without
    the first slash ("static/chat.js"), or the path of the page with the slash ("/chat"). `line` and
    `column` count from 1. The value 0 means that the position is unknown.
    """

    kind: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    source_line: str = ""
    during: str = ""  # what the page was doing: "submit form", "the event new_message"

    def __str__(self) -> str:
        start = {"error": "Uncaught ", "syntax": "Uncaught ", "rejection": "Uncaught (in promise) "}
        place = f" ({self.file}:{self.line}:{self.column})" if self.line else ""
        return f"{start.get(self.kind, '')}{self.message}{place}"


@dataclass
class Page:
    """Somebody's page. Its records are kept when the browser opens another page.

    `sent` and `heard` contain events: [name, value, …]. `requests` contains (method, URL, status), and
    the status is 0 if no response arrived. A selector that finds nothing raises LookupError, except in
    `text`, `all` and `attributes`.
    """

    pages: "Pages"
    number: int
    url: str = ""
    errors: list[PageError] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    sent: list[list[Any]] = field(default_factory=list)
    heard: list[list[Any]] = field(default_factory=list)
    requests: list[tuple[str, str, int]] = field(default_factory=list)

    # What people do.
    def type(self, selector: str, text: str) -> None:
        """Set the value of a field. A text that is longer than the field's `maxlength` is cut."""
        self._act("type", selector, text)

    def submit(self, selector: str = "form") -> bool:
        """Submit a form, as if somebody pressed Enter in it.

        Returns False if the browser does not allow it, for example because a required field is empty.
        """
        return bool(self._act("submit", selector))

    def click(self, selector: str, place: int = 0) -> None:
        """Click the element at this index, of those that match."""
        self._act("click", selector, place)

    def choose(self, selector: str, name: str, kind: str, body: bytes) -> None:
        """Pick a file in a file field."""
        self._act("choose", selector, name, kind, base64.b64encode(body).decode(), len(body))

    def run(self, code: str, name: str) -> None:
        """Run a script in the page. Its errors name the file `name`."""
        self.pages.ask("script", self, values=[code, name])

    def go_offline(self) -> None:
        """Lose the network: connections end, and attempts to reconnect fail until `go_online`."""
        self.pages.ask("go_offline", self)

    def go_online(self) -> None:
        """Restore the network: the page's client reconnects within 0.2 s."""
        self.pages.ask("go_online", self)

    def pause(self) -> None:
        """Hold back what the server sends to the page until `resume`."""
        self.pages.ask("pause", self)

    def resume(self) -> None:
        self.pages.ask("resume", self)

    def lose(self, event: str) -> None:
        """Drop the next event with this name, so that it does not reach the page."""
        self.pages.ask("lose", self, values=[event])

    def repeat(self, event: str) -> None:
        """Deliver the last event with this name to the page once more."""
        self.pages.ask("repeat", self, values=[event])

    def answer(self, event: str, value: object) -> None:
        """Replace the next acknowledgement of the event with this value."""
        self.pages.ask("answer", self, values=[event, json.dumps(value)])

    def hurry(self, seconds: float) -> None:
        """Run each timer that is due within this many seconds once, without waiting for it."""
        self.pages.ask("hurry", self, values=[seconds])

    def close(self) -> None:
        """Close the page and its sockets."""
        self.pages.ask("leave", self)

    # What people see.
    def text(self, selector: str) -> str:
        """Return the text that people see of the first element that matches, or "" if there is none."""
        return str(self._act("text", selector))

    def all(self, selector: str) -> list[str]:
        """Return the text that people see of each element that matches."""
        return list(self._act("all", selector))

    def is_shown(self, selector: str) -> bool:
        """Return False if the first element that matches, or one around it, is hidden."""
        return bool(self._act("is_shown", selector))

    def value(self, selector: str) -> str:
        return str(self._act("value", selector))

    def attributes(self, selector: str, name: str) -> list[str | None]:
        """Return this attribute of each element that matches, or None where it is missing."""
        return list(self._act("attributes", selector, name))

    def is_at_end(self, selector: str) -> bool:
        """Return whether an element is scrolled to its end, or has never been scrolled."""
        return bool(self._act("is_at_end", selector))

    def html(self) -> str:
        return str(self._act("html"))

    def wait(self, condition: Callable[[], object], timeout: float | None = None) -> bool:
        """Run all pages until a condition is true. Return whether this happened in time."""
        return self.pages.wait(condition, timeout)

    def _act(self, *values: object) -> Any:
        return self.pages.ask("act", self, values=values)

    def hear(self, news: dict[str, Any]) -> None:
        """Store what the child reports."""
        self.url = news["url"] or self.url
        self.errors += [PageError(**each) for each in news.get("errors", [])]
        self.requests += [(method, url, status) for method, url, status in news.get("requests", [])]
        for name in ("console", "sent", "heard"):
            getattr(self, name).extend(news.get(name, []))


class Pages:
    """The pages of all people in a check, and the process in which the pages run.

    Raises CannotRun if V8 is not available, and PageEnded after a page has ended the process.
    """

    def __init__(self, chat: Stage) -> None:
        self.chat = chat
        self._pages: dict[int, Page] = {}
        self._numbers = itertools.count(1)
        self._told: queue.Queue[dict[str, Any]] = queue.Queue()
        self._printed: list[str] = []  # other output: the last messages of V8 or Python
        self._running: tuple[float, int, str] | None = None  # since when, whose page, doing what
        self._ended: PageError | None = None

    def __enter__(self) -> "Pages":
        environment = child_environment(self.chat.folder)
        hidden = [name for name in environment if name.startswith("PYTHON") and name not in PYTHONS]
        self._process = stages.popen(
            [sys.executable, str(Path(__file__).parent / "child.py")],
            env={name: value for name, value in environment.items() if name not in hidden},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._seen: list[psutil.Process] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            told = self._told.get(timeout=READY_TIMEOUT)
        except queue.Empty:
            told = {"cannot": f"V8 did not start within {READY_TIMEOUT:.0f} s."}
        if "isReady" not in told:
            self._stop()
            said = "\n".join(self._printed[-3:])
            raise CannotRun(f"{told.get('cannot', 'V8 ended while it started.')} {said}".strip())
        # On Windows, the process with this id only starts the child.
        started = psutil.Process(self._process.pid)
        self._seen = [started, *started.children(recursive=True)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    @property
    def is_alive(self) -> bool:
        return self._ended is None

    def open(self, path: str = "/", cookies: requests.Session | None = None) -> Page:
        """Open a page of the chat, with the cookies of a browser, and run its scripts."""
        page = Page(self, next(self._numbers))
        self._pages[page.number] = page
        jar = [
            {name: getattr(each, name) for name in ("name", "value", "domain", "path")}
            for each in (cookies.cookies if cookies else [])
        ]
        self.ask("open", page, origin=self.chat.url, path=path, cookies=jar)
        return page

    def wait(self, condition: Callable[[], object], timeout: float | None = None) -> bool:
        """Run all pages until a condition is true. Return whether this happened in time."""
        end = time.monotonic() + (long_patience() if timeout is None else timeout)
        while not condition():
            if time.monotonic() > end:
                return False
            self.ask("live", seconds=max(0.0, min(LIVE, end - time.monotonic())))
        return True

    def settle(self, timeout: float | None = None) -> bool:
        """Run all pages until they are at rest. Return whether this happened in time.

        A page is at rest if it is not waiting for a response, an acknowledgement or a connection, and
        if nothing has happened for as long as the server's last response took. A timer that is due
        later does not count.
        """
        return bool(self.ask("settle", seconds=long_patience() if timeout is None else timeout))

    def ask(self, do: str, page: Page | None = None, **about: object) -> Any:
        """Run a command in the child, and return its result. Raises PageEnded and LookupError."""
        if self._ended:
            raise PageEnded(self._ended)
        command = {"do": do, "page": page.number if page else 0} | about
        try:
            pipe: Any = self._process.stdin
            pipe.write(json.dumps(command) + "\n")
            pipe.flush()
        except OSError:
            self._end("crash", "The page's process has ended.")
        told = self._answer(time.monotonic() + SERVER_TIMEOUT)
        for number, news in told["news"].items():
            self._pages[int(number)].hear(news)
        if "missing" in told:
            raise LookupError(told["missing"])
        return told["value"]

    def _answer(self, end: float) -> dict[str, Any]:
        looked = time.monotonic()
        while True:
            try:
                told = self._told.get(timeout=LOOK)
            except queue.Empty:
                told = {}
            if "news" in told:
                return told
            if "running" in told:
                self._running = (time.monotonic(), *told["running"]) if told["running"] else None
            if "hasEnded" in told:
                self._end(
                    "crash",
                    "The page's process ended unexpectedly. Perhaps a script used too much memory.",
                )
            if time.monotonic() - looked >= LOOK:
                looked = time.monotonic()
                self._watch(end)

    def _watch(self, end: float) -> None:
        now = time.monotonic()
        if self._running and now - self._running[0] > RUN_TIMEOUT:
            self._end("time", f"A script ran for more than {RUN_TIMEOUT:.0f} s and did not end.")
        if now > end:
            self._end("time", f"The server did not answer the page within {SERVER_TIMEOUT:.0f} s.")
        try:
            taken = sum(each.memory_info().rss for each in self._seen)
        except psutil.Error:
            return  # it has just ended
        if taken > MEMORY:
            self._end("memory", f"A script took more than {MEMORY // 1_000_000} MB of memory.")

    def _end(self, kind: str, message: str) -> None:
        """Kill the child, add the error to the page whose script was running, and raise PageEnded."""
        self._stop()
        _, number, during = self._running or (0.0, 0, "")
        self._ended = PageError(kind, message, during=during)
        owner = self._pages.get(number)
        for page in [owner] if owner else self._pages.values():
            page.errors.append(self._ended)
        raise PageEnded(self._ended)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            try:
                told = json.loads(line)
                assert isinstance(told, dict)
                self._told.put(told)
            except (ValueError, AssertionError):
                self._printed.append(line.rstrip())
        self._told.put({"hasEnded": True})

    def _stop(self) -> None:
        """End the child, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):  # the child has not read the last command
                    pipe.close()
