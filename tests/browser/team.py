"""A team in the finished chat: its people's browsers, and a connection that can be interrupted.

The page reports its state in `<html data-conn data-ready data-rev>` and `li.message[data-state]`.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.people import WIDE, ColourScheme, People, await_paint
from tests.final_app.rig import Person, Server

ON_THE_WAY = 65_536  # bytes that one read of the line takes
LINE_IS_DOWN = r"WebSocket connection|ERR_|/socket\.io/"  # what a browser says about a line cut
# A request takes at most 1.5 s, not 30 s, and a timer of 1 to 6 s takes a quarter of its time.
IMPATIENT = """const { timeout } = AbortSignal, later = setTimeout;
AbortSignal.timeout = (ms) => timeout.call(AbortSignal, ms / 20);
window.setTimeout = (act, ms) => later(act, ms > 1_000 && ms < 6_000 ? ms / 4 : ms)"""
SOON_AGAIN = """Object.defineProperty(window, "io", {
    set(io) { this.connectBy = io },
    get() {
        const soon = { reconnectionDelay: 50, reconnectionDelayMax: 50 };  // ms, not 1 to 5 s
        return (options) => this.connectBy({ ...options, ...soon });
    },
})"""
LOOK_ELSEWHERE = """hidden => {
    Object.defineProperty(document, "visibilityState", {
        configurable: true, get: () => hidden ? "hidden" : "visible",
    });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
# Playwright's pages say that they have the focus, however many there are.
TURN_TO_THIS_WINDOW = """here => {
    document.hasFocus = () => here;
    window.dispatchEvent(new Event(here ? "focus" : "blur"));
}"""


class Line:
    """A TCP proxy on 127.0.0.1 in front of a server.

    A test can `cut` and `restore` the connections. `hold` holds back the answers.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.late = 0.0  # seconds that each answer takes
        self._is_up = self._sockets_pass = True
        self._flows = threading.Event()  # from the server to the browser
        self._flows.set()
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._flows.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def cut(self) -> None:
        """Close every connection, lose the data in transit, and refuse new connections."""
        with self._lock:
            self._is_up = False
            for end in self._ends:
                hang_up(end)
            self._ends.clear()

    def restore(self, *, sockets: bool = True) -> None:
        """Accept connections again. If only for pages, sockets still cannot connect."""
        with self._lock:
            self._is_up, self._sockets_pass = True, sockets
        self._flows.set()

    def hold(self) -> None:
        """Pass everything to the server, but hold back its answers until `release`.

        A `cut` loses them.
        """
        self._flows.clear()

    def release(self) -> None:
        self._flows.set()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                near, _ = self._listener.accept()
                self._join(near)

    def _join(self, near: socket.socket) -> None:
        with self._lock:
            if not self._is_up:
                near.close()
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            self._ends |= {near, far}
        threading.Thread(target=self._carry, args=(near, far, False), daemon=True).start()
        threading.Thread(target=self._carry, args=(far, near, True), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, back: bool) -> None:
        with suppress(OSError):
            while data := source.recv(ON_THE_WAY):
                if back:
                    self._flows.wait()
                    time.sleep(self.late)
                elif not self._sockets_pass and b"/socket.io/?" in data:
                    break
                sink.sendall(data)
        for end in (source, sink):
            hang_up(end)


@dataclass(frozen=True)
class Room:
    """A room: its ID and its `seq` numbers, and the address of its page."""

    id: int
    slug: str
    name: str

    @property
    def path(self) -> str:
        return f"/r/{self.slug}"


class Team:
    """A chat with Ada (its administrator), Bo and Cy. Each test uses a separate room."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.server = Server(folder, **settings).start()
        self.ada = Person(self.server, "ada").begin()
        self.bo, self.cy = self.newcomer("bo"), self.newcomer("cy")
        for person in (self.ada, self.bo, self.cy):
            person.connect()

    @property
    def url(self) -> str:
        return self.server.url

    def newcomer(self, name: str) -> Person:
        return Person(self.server, name).register(self.ada.invite())

    def stop(self) -> None:
        for person in (self.ada, self.bo, self.cy):
            person.leave()
        self.server.stop()

    def room(self, name: str, *others: Person) -> Room:
        """Create a closed room with Ada and the given people."""
        made = self.ada.ask("POST", "/rooms", {"name": name, "kind": "closed"})["room"]
        for other in others:
            assert self.ada.ask("PUT", f"/rooms/{made['id']}/members/{other.id}")["ok"]
        return Room(made["id"], made["slug"], name)

    def line(self) -> Line:
        return Line(self.server.port)


@contextmanager
def a_team(folder: Path, **settings: str) -> Iterator[Team]:
    team = Team(folder, **settings)
    try:
        yield team
    finally:
        team.stop()


def enter(
    people: People, who: Person, place: Room, *, line: Line | None = None, path: str = "",
    width: int = WIDE, colours: ColourScheme = "light", impatient: bool = False,
) -> Page:  # fmt: skip
    """Open a room in this person's own browser. Return the page when it has caught up."""
    page = page_of(people, who, width=width, colours=colours)
    page.add_init_script(SOON_AGAIN)
    if impatient:
        page.add_init_script(IMPATIENT)
    page.goto((line.url if line else who.server.url) + (path or place.path))
    caught_up(page)
    await_paint(page)
    return page


def page_of(
    people: People, who: Person, *, width: int = WIDE, colours: ColourScheme = "light"
) -> Page:
    """Return an empty page in this person's own browser, in which they are logged in."""
    page = people(width=width, colours=colours)
    bring_cookies(page.context, who)
    return page


def bring_cookies(context: BrowserContext, who: Person) -> None:
    """Log a browser in with the cookies that this person got elsewhere."""
    cookies = [(cookie.name, cookie.value or "") for cookie in who.http.cookies]
    # Cookies know no ports: the same go to the server and to a line before it.
    context.add_cookies([{"name": n, "value": v, "url": who.server.url} for n, v in cookies])


def caught_up(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-ready", "true")


def connection(page: Page, state: str) -> None:
    expect(page.locator("html")).to_have_attribute("data-conn", state)


def write(page: Page, *texts: str) -> None:
    """Type each text and send it."""
    for text in texts:
        page.locator("#text").fill(text)
        page.locator("#text").press("Enter")


def shows(page: Page, *texts: str, state: str = "sent") -> None:
    """Wait until the log contains exactly these texts, once each and in this order, all in `state`."""
    expect(messages(page).locator(".body")).to_have_text(list(texts))
    expect(messages(page, state)).to_have_count(len(texts))
    ids = messages(page).evaluate_all("nodes => nodes.map(node => node.dataset.clientId)")
    assert len(ids) == len(set(ids))


def messages(page: Page, state: str = "") -> Locator:
    return page.locator(f"#content .message[data-state={state}]" if state else "#content .message")


def link(page: Page, place: Room) -> Locator:
    return page.locator(f'.room-link[href="r/{place.slug}"]')


def numbers(page: Page) -> list[int]:
    """Return the `seq` of every stored message in the log, from top to bottom."""
    found: list[int] = messages(page, "sent").evaluate_all("all => all.map(it => +it.dataset.seq)")
    return found


def stored(who: Person, place: Room) -> list[str]:
    """Return the texts that the server has stored."""
    return [each.get("text", "") for each in who.history(place.id)]


def set_level(who: Person, place: Room, level: str) -> None:
    assert who.ask("PUT", f"/api/rooms/{place.id}/notify", {"level": level})["ok"]


def talk(who: Person, place: Room, count: int) -> dict[str, Any]:
    """Send `line 1` to `line count` as this person, and return the last message."""
    for number in range(1, count + 1):
        answer = who.say(place.id, f"line {number}")
        assert answer["ok"], answer
    last: dict[str, Any] = answer["message"]
    return last


def hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
