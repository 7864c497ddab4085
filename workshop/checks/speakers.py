"""How people enter a stage and send messages there, as its step or `final_app` expects it."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import socketio

from workshop.browser import PASSWORD, Browser, NotLoggedIn
from workshop.checks.console import LOG_SAYS, diagnose, last_error
from workshop.checks.promise import Broken
from workshop.clients import TurnedAway, connect, connect_when_free
from workshop.stages import Stage

Message = dict[str, Any]
Ask = Callable[[str, object], object]  # emits an event and returns its acknowledgement

SNIPPET = 160  # characters of an unexpected page that are quoted
COMES_IN = "Registering or logging in takes people to the chat."
NO_TOKEN_IN_FORM = (
    'The forms have no CSRF token. Add `<input type="hidden" name="csrf_token" '
    'value="{{ csrf_token() }}">` to each form.'
)
NOT_LOGGED_IN = (
    "The name and the password are right. If the page says why the server refuses, find the line that "
    "raises this `ChatError`, and the condition above it. If not, both routes must log the person in: "
    "store in the cookie what `current_user` looks for, and then redirect to `/chat`."
)

_numbers = count(1)
_browsers: dict[tuple[str, str], Browser] = {}  # by the stage's token and the name
_inviters: dict[str, Browser] = {}  # by the stage's token: the browser of the first person
_made: dict[tuple[str, int], tuple[str, str]] = {}  # by token and room: its owner, and name or slug


@dataclass(frozen=True)
class Family:
    """How people communicate with a step. The same promises apply, wherever a name comes from.

    If a stage is `signed`, each message contains its author's name. In later steps, the name comes from
    the connection. With `accounts`, pages need a login. With `sockets_need_login`, connections need
    one, too, and the name comes from the login. With `rooms`, a message names its room.
    """

    chat: Stage
    signed: bool = False
    accounts: bool = False
    sockets_need_login: bool = False
    rooms: bool = False

    longest = 500  # characters of a message
    not_a_member = "forbidden"  # the code for people who are not in the room

    @property
    def general(self) -> int:
        """The number of the room that everybody is in, or 0 if the chat has no rooms."""
        return int(self.rooms)

    def payload(self, name: str, text: str, room: int) -> Message:
        """Return the payload of `new_message` with this text."""
        where = {"room": room} if self.rooms else {}
        return where | ({"username": name} if self.signed else {}) | {"text": text}

    def author(self, message: Message) -> object:
        return message.get("username")

    def named(self, name: str) -> str:
        """Return the name that messages and pages show."""
        return name

    def sync(self, after: object, room: int) -> tuple[str, Message]:
        """Return the event that asks for the messages after a number, and its payload."""
        return "sync", ({"room": room} if self.rooms else {}) | {"after": after}

    def synced(self, answer: Message, room: int) -> object:
        """Return the messages in the acknowledgement of `sync`."""
        return answer.get("messages")

    def connect(self, name: str) -> socketio.SimpleClient:
        """Connect a person, and return their client.

        Because logins are slow, a second connection uses the same browser, like another tab.
        """
        browser = self.browser(name) if self.sockets_need_login else None
        try:
            return connect_when_free(self.chat, name, browser, ["websocket"])
        except TurnedAway:
            if not browser:
                raise
            _browsers[self.chat.token, name] = self.new_browser(name)  # the old session has ended
            return connect(self.chat, name, self.browser(name), ["websocket"])

    def page(self, name: str) -> str:
        """Return the address of the chat page for the person with this name."""
        return "/chat" if self.accounts else f"/chat?username={quote(name)}"

    def room_page(self, room: int) -> str:
        return f"/chat?room={room}"

    def browser(self, name: str) -> Browser:
        """Return this person's browser. Raises Broken if they cannot log in."""
        if not self.accounts:
            return Browser(self.chat)
        if (self.chat.token, name) not in _browsers:
            _browsers[self.chat.token, name] = self.new_browser(name)
        return _browsers[self.chat.token, name]

    def new_browser(self, name: str, password: str = PASSWORD) -> Browser:
        """Log in as this person in another browser, and return it. Raises Broken if this fails."""
        browser = Browser(self.chat)
        with let_in(self.chat):
            browser.enter(name, password)
        return browser

    def register(self, name: str, password: str) -> tuple[Browser, requests.Response]:
        """Submit the registration form. Return the browser and the server's response."""
        browser = Browser(self.chat)
        return browser, browser.post("/register", data={"username": name, "password": password})

    def make_room(self, owner: str) -> int:
        """Create a new room as this person, and return its number. Raises Broken if this fails."""
        name = f"Tea {next(_numbers)}"
        room = self._open_room(owner, name)
        _made[self.chat.token, room] = (owner, name)
        return room

    def join(self, name: str, room: int) -> None:
        """Join a room that `make_room` created, as this person. Raises Broken if this fails."""
        opened = self._open_room(name, _made[self.chat.token, room][1])
        if opened != room:
            raise Broken(
                "POST /rooms with the name of a room that exists lets the person join it.",
                f"it redirects to room {opened}, not to room {room}",
                "First look for the name, and create a room only if no room has this name.",
            )

    def _open_room(self, name: str, called: str) -> int:
        answer = answered(self.chat, self.browser(name).post("/rooms", data={"name": called}))
        there = urlsplit(answer.url)
        room = re.fullmatch(r"room=(\d+)", there.query) if there.path == "/chat" else None
        if answer.ok and room:
            return int(room[1])
        raise Broken(
            "POST /rooms with a `name` redirects to the page of that room, `/chat?room=<number>`.",
            f"status {answer.status_code} at {there.path}{there.query and '?'}{there.query}",
            'In `@app.post("/rooms")`, call `memberships.join(user, name)`, and then '
            '`return redirect(url_for("chat", room=room.id))`.',
        )  # fmt: skip

    def leave(self, name: str, room: int, ask: Ask) -> object:
        """Leave a room as this person, in one of their tabs. Return the server's answer."""
        return ask("leave_room", {"room": room})

    def for_members(self, room: object) -> list[tuple[str, Message]]:
        """Return the events that only a member of the room can send, each with its payload."""
        return [
            ("new_message", self.payload("", "Let me in", 0) | {"room": room}),
            ("sync", {"room": room, "after": 0}),
        ]

    def online(self, events: list[tuple[str, Any]], room: int) -> list[list[str]]:
        """Return every list of people in the room that these events contain."""
        told = (fields(data) for event, data in events if event == "presence")
        return [list(data.get("online") or []) for data in told if data.get("room") == room]


class FinalApp(Family):
    """`final_app`: people register with an invite, and pages give each message a `client_id`."""

    longest = 4000
    not_a_member = "not_found"

    def payload(self, name: str, text: str, room: int) -> Message:
        return {"room": room, "client_id": str(uuid.uuid4()), "text": text}

    def author(self, message: Message) -> object:
        return message.get("author", {}).get("name")

    def named(self, name: str) -> str:
        return name.lower()

    def sync(self, after: object, room: int) -> tuple[str, Message]:
        return "sync", {"rooms": {str(room): after}}

    def synced(self, answer: Message, room: int) -> object:
        return answer["rooms"][str(room)]["changes"]

    def page(self, name: str) -> str:
        return "/"

    def room_page(self, room: int) -> str:
        _, slug = _made.get((self.chat.token, room), ("nobody", "nowhere"))
        return f"/r/{slug}"

    def new_browser(self, name: str, password: str = PASSWORD) -> Browser:
        browser, _ = self.register(name, password)
        with let_in(self.chat):
            if not browser.inside():
                browser.enter(name, password)
        return browser

    def register(self, name: str, password: str) -> tuple[Browser, requests.Response]:
        browser, about = Browser(self.chat), {"username": name, "password": password}
        if urlsplit(browser.get("/").url).path == "/first-run":
            _inviters[self.chat.token] = browser
            return browser, browser.post("/first-run", data=about)
        if self.chat.token in _inviters:  # without an inviter, registration needs no invite
            about["invite"] = _inviters[self.chat.token].post("/api/invites").json()["code"]
        return browser, browser.post("/register", data=about)

    def make_room(self, owner: str) -> int:
        about = {"name": f"Tea {next(_numbers)}", "kind": "closed"}
        room = self.browser(owner).post("/rooms", json=about).json()["room"]
        _made[self.chat.token, room["id"]] = (owner, room["slug"])
        return int(room["id"])

    def join(self, name: str, room: int) -> None:
        owner = self.browser(_made[self.chat.token, room][0])
        owner.put(self._membership(name, room))

    def leave(self, name: str, room: int, ask: Ask) -> object:
        return self.browser(name).delete(self._membership(name, room)).json()

    def for_members(self, room: object) -> list[tuple[str, Message]]:
        return [
            ("new_message", self.payload("", "Let me in", 0) | {"room": room}),
            ("mark_read", {"room": room, "seq": 0}),
            ("typing", {"room": room, "on": True}),
        ]

    def online(self, events: list[tuple[str, Any]], room: int) -> list[list[str]]:
        names = {number: name for name, number in self._ids("Ada").items()}
        here, states = set[int](), []
        for event, data in events:
            if event == "welcome":
                here = set(data["online"])
            elif event == "presence":
                here = (here | set(data["online"])) - set(data["offline"])
                states.append(sorted(names[person] for person in here))
        return states

    def _membership(self, name: str, room: int) -> str:
        return f"/rooms/{room}/members/{self._ids(name)[self.named(name)]}"

    def _ids(self, name: str) -> dict[str, int]:
        people = self.browser(name).get("/api/people").json()["people"]
        return {each["username"]: int(each["id"]) for each in people}


def fields(data: object, *inside: str) -> Message:
    """Return an object that somebody has sent, or one inside it, or {} if it is no object."""
    for name in inside:
        data = fields(data).get(name)
    return data if isinstance(data, dict) else {}


def fresh_name(like: str = "Ada") -> str:
    """Return a name that nobody has yet."""
    return f"{like}{next(_numbers)}"


@contextmanager
def let_in(chat: Stage) -> Iterator[None]:
    """Raise Broken, with an explanation for learners, if somebody can't log in within this block."""
    try:
        yield
    except NotLoggedIn as problem:
        answered(chat, problem.answer)
        hint, about = NOT_LOGGED_IN, "accounts.py"
        if "CSRF" in problem.page:
            hint, about = NO_TOKEN_IN_FORM, "templates/index.html"
        raise Broken("After `POST /register` or `POST /login`, `/chat` opens.",
                     f"status {problem.status}, “{problem.page[:SNIPPET]}”", hint, COMES_IN,
                     about=about) from None  # fmt: skip


def answered(chat: Stage, answer: requests.Response) -> requests.Response:
    """Return a response unchanged. Raises Broken with the cause if its status is 500."""
    if answer.status_code != 500:
        return answer
    method, path = answer.request.method, urlsplit(answer.url).path
    chat.await_log(f'"{method} {path}', '" 500 ')
    raise Broken(f"{method} {path} causes no server error.",
                 f"status 500{LOG_SAYS}{last_error(chat.log)}", diagnose(chat.log),
                 "No request causes a server error.")  # fmt: skip
