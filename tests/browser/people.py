"""People at their browsers, watched: a page that is in trouble fails the test that opened it."""

import re
from collections.abc import Callable, Iterator
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Frame, Page

from workshop import manifest
from workshop.stages import Stage, describe

PATIENCE = 10_000  # milliseconds that the browser waits for anything
WIDE, NARROW, HEIGHT = 1280, 360, 740  # pixels
OWN_HOSTS = ("127.0.0.1", "localhost")
UPGRADED = (
    "typeof socket !== 'undefined' && socket.connected"
    " && socket.io.engine.transport.name === 'websocket'"
)

ColourScheme = Literal["light", "dark"]
Visit = Callable[..., Page]  # the fixture `visit`
Run = Callable[..., Stage]  # the fixtures `run` and `solved`


class People:
    """Gives every person a browser context, and notes whatever a healthy page does not do.

    `troubles` holds what was noted: console errors, uncaught exceptions, requests that failed, and
    requests to any other host. `tolerate` takes a regular expression of what a test means to cause.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.troubles: list[str] = []
        self._tolerated = [
            # A browser asks for this by itself; steps 01 and 02 have none: they are the smallest pages.
            r"/favicon\.ico",
            # Who goes to another page leaves requests behind.
            r"net::ERR_ABORTED",
        ]
        self._contexts: list[BrowserContext] = []

    def __call__(
        self, address: str = "about:blank", *, width: int = WIDE, colours: ColourScheme = "light"
    ) -> Page:
        """Return the page at `address`, opened by somebody new."""
        context = self.browser.new_context(reduced_motion="reduce")
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        self._watch(context)
        page = context.new_page()
        show(page, address, width, colours)
        return page

    def tolerate(self, pattern: str) -> None:
        self._tolerated.append(pattern)

    def assert_untroubled(self) -> None:
        """Fail if a page was in trouble that nobody meant, and begin anew."""
        for context in self._contexts:
            for page in context.pages:
                page.evaluate("0")  # a round trip: what the browser reported before it is noted now
        found = [each for each in self.troubles if not self._is_tolerated(each)]
        self.troubles.clear()
        assert not found, "A page was in trouble:\n" + "\n".join(found)

    def leave(self) -> None:
        for context in self._contexts:
            context.close()

    def _watch(self, context: BrowserContext) -> None:
        note = self.troubles.append
        context.on("console", lambda m: m.type == "error" and note(f"console: {where(m)}{m.text}"))
        context.on("weberror", lambda e: note(f"uncaught: {e.error}"))
        context.on("request", lambda r: self._note_stranger(r.url))
        context.on("requestfailed", lambda r: note(f"request failed: {r.url}: {r.failure}"))
        context.on("response", lambda r: r.status >= 400 and note(f"status {r.status}: {r.url}"))
        context.on("page", lambda p: p.on("websocket", lambda s: self._note_stranger(s.url)))

    def _note_stranger(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("data", "about", "blob") and parts.hostname not in OWN_HOSTS:
            self.troubles.append(f"request to another host: {address}")

    def _is_tolerated(self, trouble: str) -> bool:
        return any(re.search(pattern, trouble) for pattern in self._tolerated)


def running_steps() -> Iterator[Run]:
    """Yield a function that starts a step, or hands back the one that runs: `run("05")`."""
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


def say(page: Page | Frame, text: str) -> None:
    field = page.get_by_label("Message", exact=True)
    field.fill(text)
    field.press("Enter")


def where(message: ConsoleMessage) -> str:
    return f"{message.location['url']}: " if message.location.get("url") else ""
