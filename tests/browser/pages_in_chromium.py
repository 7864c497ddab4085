"""The interface of `workshop.checks.page` in Chromium, so that the same stories run in both."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import requests
from playwright.sync_api import Browser, BrowserContext, Error, WebSocketRoute
from playwright.sync_api import Page as Tab

from workshop.checks.page import PageError
from workshop.checks.patience import long_patience
from workshop.stages import Stage

EVENT = re.compile(r"42(\[.*)", re.DOTALL)
AWAITS, ANSWER = re.compile(r"42(\d+)"), re.compile(r"43(\d+)")
PATIENCE = 15.0  # seconds
MOMENT = 20  # milliseconds between two looks
QUIET = 0.15  # seconds without news after which pages have come to rest


class Wire:
    """A page's WebSocket, through a proxy that can lose and repeat events, or close the socket."""

    def __init__(self, page: "ChromiumPage", route: WebSocketRoute) -> None:
        self.page, self.route = page, route
        self.awaited: dict[str, str] = {}  # events, by the number of their acknowledgement
        if page.is_offline:
            route.close()
            return
        page.wires.append(self)
        self.server = route.connect_to_server()
        route.on_message(self.sent_by_page)
        self.server.on_message(self.heard)

    def sent_by_page(self, message: str | bytes) -> None:
        event = self.page.note(self.page.sent, str(message))
        if number := AWAITS.match(str(message)):
            self.awaited[number[1]] = event
        if message == "5":
            self.page.is_upgraded = True
        self.server.send(message)

    def heard(self, message: str | bytes) -> None:
        if self.page.is_paused:
            self.page.kept.append(str(message))
            return
        event = self.page.note(self.page.heard, str(message))
        if event in self.page.losing:
            self.page.losing.remove(event)
            return
        number = ANSWER.match(str(message))
        if number and (asked := self.awaited.pop(number[1], "")) in self.page.answers:
            message = f"43{number[1]}{json.dumps([self.page.answers.pop(asked)])}"
        self.page.last[event] = str(message)
        self.route.send(message)


class ChromiumPage:
    """A page with the interface that stories use: see `workshop.checks.page.Page`."""

    def __init__(self, pages: "ChromiumPages", context: BrowserContext) -> None:
        self.pages, self._context = pages, context
        self.errors: list[PageError] = []
        self.sent: list[list[Any]] = []
        self.heard: list[list[Any]] = []
        self.requests: list[tuple[str, str, int]] = []
        self.wires: list[Wire] = []
        self.losing: list[str] = []
        self.answers: dict[str, object] = {}
        self.last: dict[str, str] = {}
        self.kept: list[str] = []
        self.is_paused = False
        self.is_offline = self.is_upgraded = False
        self.tab: Tab = context.new_page()
        self.tab.route_web_socket(re.compile("socket.io"), lambda route: Wire(self, route))
        self.tab.on("pageerror", lambda error: self.errors.append(PageError("error", str(error))))
        self.tab.on(
            "response",
            lambda got: self.requests.append((got.request.method, got.url, got.status)),
        )

    def note(self, events: list[list[Any]], message: str) -> str:
        """Store an event from the wire. Return its name, or "" if it is not an event."""
        self.pages.latest = time.monotonic()
        found = EVENT.match(re.sub(r"^42\d+", "42", message))
        if not found:
            return ""
        events.append(json.loads(found[1]))
        return str(events[-1][0])

    @property
    def url(self) -> str:
        return self.tab.url

    def type(self, selector: str, text: str) -> None:
        self.tab.fill(selector, text)

    def submit(self, selector: str) -> None:
        self.tab.eval_on_selector(selector, "(form) => form.requestSubmit()")

    def click(self, selector: str, place: int = 0) -> None:
        self.tab.locator(selector).nth(place).click()

    def choose(self, selector: str, name: str, kind: str, body: bytes) -> None:
        file = {"name": name, "mimeType": kind, "buffer": body}
        self.tab.set_input_files(selector, files=[file])  # type: ignore[list-item]

    def text(self, selector: str) -> str:
        return next(iter(self.all(selector)), "")

    def all(self, selector: str) -> list[str]:
        return list(self._read(selector, "(all) => all.map((each) => each.textContent.trim())"))

    def html(self) -> str:
        return self.tab.content()

    def is_shown(self, selector: str) -> bool:
        return bool(self._read(selector, "([it]) => !it || it.checkVisibility()"))

    def attributes(self, selector: str, name: str) -> list[str | None]:
        return list(
            self._read(selector, "(all, name) => all.map((e) => e.getAttribute(name))", name)
        )

    def is_at_end(self, selector: str) -> bool:
        end = "([it]) => it.scrollTop + it.clientHeight >= it.scrollHeight - 1"
        return bool(self._read(selector, end))

    def _read(self, selector: str, code: str, argument: str = "") -> Any:
        """Evaluate an expression about elements.

        Try again if the page is just being left for another one.
        """
        try:
            return self.tab.eval_on_selector_all(selector, code, argument)
        except Error:
            self.tab.wait_for_load_state()
            return self.tab.eval_on_selector_all(selector, code, argument)

    def value(self, selector: str) -> str:
        return self.tab.input_value(selector)

    def wait(self, condition: Callable[[], object], timeout: float | None = None) -> bool:
        return self.pages.wait(condition, timeout)

    def go_offline(self) -> None:
        self.is_offline, self.is_upgraded = True, False
        self._context.set_offline(True)
        for wire in self.wires:
            wire.server.close()
            wire.route.close()
        self.wires.clear()

    def go_online(self) -> None:
        self.is_offline = False
        self._context.set_offline(False)
        self.pages.wait(lambda: self.is_upgraded, PATIENCE)  # the client tries again after seconds

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False
        for message in self.kept:
            self.wires[-1].heard(message)
        self.kept.clear()

    def lose(self, event: str) -> None:
        self.losing.append(event)

    def repeat(self, event: str) -> None:
        for wire in self.wires:
            wire.route.send(self.last[event])

    def answer(self, event: str, value: object) -> None:
        self.answers[event] = value

    def hurry(self, seconds: float) -> None:
        """Do nothing, because in Chromium the time passes anyway."""

    def close(self) -> None:
        self._context.close()


def _holds(condition: Callable[[], object]) -> object:
    """Return whether a condition is true. While a page is being replaced by another one, it is false."""
    try:
        return condition()
    except Error as error:
        if "Execution context was destroyed" not in str(error):
            raise
        return False


class ChromiumPages:
    """The pages of all people in a story: see `workshop.checks.page.Pages`."""

    is_alive = True

    def __init__(self, chat: Stage, browser: Browser) -> None:
        self.chat, self.browser = chat, browser
        self.latest = 0.0
        self._pages: list[ChromiumPage] = []

    def open(self, path: str, cookies: requests.Session | None = None) -> ChromiumPage:
        context = self.browser.new_context()
        for each in cookies.cookies if cookies else []:
            context.add_cookies(
                [{"name": each.name, "value": each.value or "", "url": self.chat.url}]
            )
        page = ChromiumPage(self, context)
        self._pages.append(page)
        page.tab.goto(self.chat.url + path)
        uses_socket = page.all("script[src*='socket.io']") and not page.errors
        if uses_socket:
            self.wait(lambda: page.is_upgraded or page.errors, 2.0)
        return page

    def wait(self, condition: Callable[[], object], timeout: float | None = None) -> bool:
        end = time.monotonic() + (long_patience() if timeout is None else timeout)
        while not _holds(condition):
            if time.monotonic() > end:
                return False
            next(each for each in self._pages if not each.tab.is_closed()).tab.wait_for_timeout(
                MOMENT
            )
        return True

    def settle(self, timeout: float | None = None) -> bool:
        began = time.monotonic()
        return self.wait(lambda: time.monotonic() > max(self.latest, began) + QUIET, timeout)
