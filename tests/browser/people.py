"""People and their browsers: a test fails if a page that it opened has a problem."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Frame, Page

from workshop import manifest
from workshop.stages import Stage, describe

PATIENCE = 20_000  # milliseconds that the browser waits for anything
WIDE, NARROW, HEIGHT = 1280, 360, 740  # pixels
OWN_HOSTS = ("127.0.0.1", "localhost")
UPGRADED = (
    "typeof socket !== 'undefined' && socket.connected"
    " && socket.io.engine.transport.name === 'websocket'"
)
# Chromium drops what is typed before a page's first paint, which a busy machine delays.
PAINTED = "performance.getEntriesByType('paint').length > 0"

ColourScheme = Literal["light", "dark"]
Visit = Callable[..., Page]  # the fixture `visit`
Run = Callable[..., Stage]  # the fixtures `run` and `solved`


class Browsers:
    """Browser contexts, which people borrow empty and return after a test.

    A new context starts a renderer, which costs a second of CPU time, and most tests need two
    contexts. A page that stays open keeps the renderer for the next test (`--process-per-site`).
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: list[Borrowed] = []
        # The page that stays open must be of the same site as a chat: 127.0.0.1, whatever the port.
        self._site = ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage)
        threading.Thread(target=self._site.serve_forever, daemon=True).start()

    def borrow(self) -> "Borrowed":
        if self._free:
            return self._free.pop()
        context = self._browser.new_context(reduced_motion="reduce")
        context.set_default_timeout(PATIENCE)
        keeper = context.new_page()
        keeper.goto(f"http://127.0.0.1:{self._site.server_port}/")
        return Borrowed(context, keeper)

    def give_back(self, borrowed: "Borrowed") -> None:
        borrowed.empty()
        self._free.append(borrowed)

    def close(self) -> None:
        for borrowed in self._free:
            borrowed.context.close()
        self._site.shutdown()
        self._site.server_close()


class EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class Borrowed:
    """A context, the page that stays open in it, and the events that its current borrower receives."""

    def __init__(self, context: BrowserContext, keeper: Page) -> None:
        self.context = context
        self.watcher: People | None = None
        self._keeper = keeper
        self._devtools = context.new_cdp_session(keeper)
        self._origins: set[str] = set()
        note = self._note
        context.on("console", lambda m: m.type == "error" and note(f"console: {where(m)}{m.text}"))
        context.on("weberror", lambda e: note(f"uncaught: {e.error}"))
        context.on("request", lambda r: self._note_request(r.url))
        context.on("requestfailed", lambda r: note(f"request failed: {r.url}: {r.failure}"))
        context.on("response", lambda r: r.status >= 400 and note(f"status {r.status}: {r.url}"))
        context.on("page", lambda p: p.on("websocket", lambda s: self._note_stranger(s.url)))

    def empty(self) -> None:
        """Close the pages, and delete cookies, permissions and everything that a page has stored."""
        self.watcher = None
        for page in self.context.pages:
            if page is not self._keeper:
                page.close()
        self.context.clear_cookies()
        self.context.clear_permissions()
        for origin in self._origins:
            everything = {"origin": origin, "storageTypes": "all"}
            self._devtools.send("Storage.clearDataForOrigin", everything)
        self._origins.clear()

    def _note(self, trouble: str) -> None:
        if self.watcher:
            self.watcher.troubles.append(trouble)

    def _note_request(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.hostname in OWN_HOSTS:
            self._origins.add(f"{parts.scheme}://{parts.netloc}")
        self._note_stranger(address)

    def _note_stranger(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("data", "about", "blob") and parts.hostname not in OWN_HOSTS:
            self._note(f"request to another host: {address}")


class People:
    """Gives each person a browser context, and records everything that a healthy page does not do.

    `troubles` contains the records: console errors, uncaught exceptions, failed requests, and
    requests to other hosts. `tolerate` takes a regular expression for the problems that a test
    causes on purpose.
    """

    def __init__(self, browsers: Browsers) -> None:
        self.browsers = browsers
        self.troubles: list[str] = []
        self._tolerated = [
            # A browser asks for this by itself; steps 01 and 02 have none: they are the smallest pages.
            r"/favicon\.ico",
            # Who goes to another page leaves requests behind.
            r"net::ERR_ABORTED",
        ]
        self._borrowed: list[Borrowed] = []

    def __call__(
        self, address: str = "about:blank", *, width: int = WIDE, colours: ColourScheme = "light"
    ) -> Page:
        """Open the page at `address` as a new person, and return it."""
        borrowed = self.browsers.borrow()
        borrowed.watcher = self
        self._borrowed.append(borrowed)
        page = borrowed.context.new_page()
        show(page, address, width, colours)
        return page

    def tolerate(self, pattern: str) -> None:
        self._tolerated.append(pattern)

    def assert_untroubled(self) -> None:
        """Fail if a page had an unexpected problem, and clear the records."""
        for borrowed in self._borrowed:
            for page in borrowed.context.pages:
                page.evaluate("0")  # a round trip: what the browser reported before it is noted now
        found = [each for each in self.troubles if not self._is_tolerated(each)]
        self.troubles.clear()
        assert not found, "A page was in trouble:\n" + "\n".join(found)

    def leave(self) -> None:
        while self._borrowed:
            self.browsers.give_back(self._borrowed.pop())

    def _is_tolerated(self, trouble: str) -> bool:
        return any(re.search(pattern, trouble) for pattern in self._tolerated)


def running_steps() -> Iterator[Run]:
    """Yield a function that starts a step, or returns the running one: `run("05")`."""
    running: dict[tuple[str, bool], Stage] = {}

    def start(which: str, *, signed: bool = False) -> Stage:
        step = manifest.step(which)
        if (step.name, signed) not in running:
            chat = Stage(step.name, step.folder, describe(step.name) if signed else "")
            chat.start()
            running[step.name, signed] = chat
        return running[step.name, signed]

    yield start
    for chat in running.values():
        chat.stop()


def show(page: Page, address: str, width: int, colours: ColourScheme) -> None:
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.emulate_media(color_scheme=colours)
    page.goto(address)


def await_paint(page: Page | Frame) -> None:
    """Wait until the page is painted.

    Playwright's `wait_for_function` would evaluate the condition in the page itself, from the second
    time on, and the chat's Content Security Policy forbids that.
    """
    wait_with(page, lambda: bool(page.evaluate(PAINTED)), "the page was not painted")


def wait_with(page: Page | Frame, holds: Callable[[], bool], otherwise: str) -> None:
    """Wait until a condition is true, and let the page go on meanwhile."""
    end = time.monotonic() + PATIENCE / 1000
    while not holds():
        assert time.monotonic() < end, otherwise
        page.wait_for_timeout(20)


def say(page: Page | Frame, text: str) -> None:
    await_paint(page)
    field = page.get_by_label("Message", exact=True)
    field.fill(text)
    field.press("Enter")


def where(message: ConsoleMessage) -> str:
    return f"{message.location['url']}: " if message.location.get("url") else ""
