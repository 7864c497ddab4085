"""How people speak where there are rooms: the adapters of steps 09 and 10, and of `final_app`."""

import re
import uuid
from typing import Any
from urllib.parse import urlsplit

import socketio
from requests import Response

from workshop.browser import PASSWORD, Browser
from workshop.contract.asking import answered, ask
from workshop.contract.promise import Broken
from workshop.contract.speakers import Account, Message
from workshop.stages import Stage

_inviters: dict[str, Browser] = {}  # by the stage's token: who was first in `final_app`
_made: dict[tuple[str, int], tuple[str, str]] = {}  # there, by token and room: its owner and slug


class Room(Account):
    """Steps 09 and 10: a message is said in a room."""

    general = 1
    not_a_member = "forbidden"  # the code for who is not in the room

    def payload(self, name: str, text: str, room: int) -> Message:
        return {"room": room, "text": text}

    def sync(self, after: object, room: int) -> tuple[str, object]:
        return "sync", {"room": room, "after": after}

    def for_members(self, room: object) -> list[tuple[str, Message]]:
        """Return every event that only a member of the room may send, and what it carries."""
        return [
            ("new_message", self.payload("", "Let me in", 0) | {"room": room}),
            ("sync", {"room": room, "after": 0}),
            ("leave_room", {"room": room}),
        ]

    def make_room(self, chat: Stage, owner: str, name: str) -> int:
        """Let somebody make a room; return its number. Raises Broken."""
        answer = answered(chat, self.browser(chat, owner).post("/rooms", data={"name": name}))
        made = re.fullmatch(r"/chat/(\d+)", urlsplit(answer.url).path)
        if answer.ok and made:
            return int(made[1])
        raise Broken(
            expected="POST /rooms with a `name` makes a room, and leads to its page, `/chat/<number>`.",
            seen=f"status {answer.status_code} at {urlsplit(answer.url).path}",
            hint="`url_for` puts `room_id` into the address only where the route of `chat` has it, "
            'spelt so: `@app.route("/chat/<int:room_id>")`.'
            if "room_id=" in urlsplit(answer.url).query
            else '`@app.post("/rooms")`: store the room and the membership of who made it, then '
            '`redirect(url_for("chat", room_id=room.id))`.',
        )

    def join(self, chat: Stage, client: socketio.SimpleClient, name: str, room: int) -> object:
        """Let somebody into a room; return the answer."""
        return ask(chat, client, "join_room", {"room": room})

    def leave(self, chat: Stage, client: socketio.SimpleClient, name: str, room: int) -> object:
        """Let somebody leave a room, in one of their tabs; return the answer."""
        return ask(chat, client, "leave_room", {"room": room})

    def room_page(self, chat: Stage, room: int) -> str:
        return f"/chat/{room}"

    def online(self, events: list[tuple[str, Any]], room: int) -> list[list[str]]:
        """Return who was here in the room, each time that somebody was told so."""
        told = (data for event, data in events if event == "presence" and isinstance(data, dict))
        return [list(data.get("online") or []) for data in told if data.get("room") == room]


class Finished(Room):
    """`final_app`: an invite opens the door, and every message has a number made by its page."""

    longest = 4000
    not_a_member = "not_found"

    def new_browser(self, chat: Stage, name: str, password: str = PASSWORD) -> Browser:
        browser, _ = self.register(chat, name, password)
        if not browser.inside():
            browser.enter(name, password)
        return browser

    def register(self, chat: Stage, name: str, password: str) -> tuple[Browser, Response]:
        browser, about = Browser(chat), {"username": name, "password": password}
        if urlsplit(browser.get("/").url).path == "/first-run":
            _inviters[chat.token] = browser
            return browser, browser.post("/first-run", data=about)
        if chat.token in _inviters:  # where somebody else was first, registration is open
            about["invite"] = _inviters[chat.token].post("/api/invites").json()["code"]
        return browser, browser.post("/register", data=about)

    def page(self, name: str) -> str:
        return "/"

    def payload(self, name: str, text: str, room: int) -> Message:
        return {"room": room, "client_id": str(uuid.uuid4()), "text": text}

    def message_in(self, data: object) -> Message:
        return super().message_in(super().message_in(data).get("message"))

    def author(self, message: Message) -> object:
        return message.get("author", {}).get("username")

    def named(self, name: str) -> str:
        return name.lower()

    def sync(self, after: object, room: int) -> tuple[str, object]:
        return "sync", {"rooms": {str(room): after}}

    def synced(self, answer: Message, room: int) -> object:
        return answer["rooms"][str(room)]["changes"]

    def for_members(self, room: object) -> list[tuple[str, Message]]:
        return [
            ("new_message", self.payload("", "Let me in", 0) | {"room": room}),
            ("mark_read", {"room": room, "seq": 0}),
            ("set_view", {"room": room, "visible": True}),
            ("typing", {"room": room, "on": True}),
        ]

    def make_room(self, chat: Stage, owner: str, name: str) -> int:
        answer = self.browser(chat, owner).post("/rooms", json={"name": name, "kind": "closed"})
        room = answer.json()["room"]
        _made[chat.token, room["id"]] = (owner, room["slug"])
        return int(room["id"])

    def join(self, chat: Stage, client: socketio.SimpleClient, name: str, room: int) -> object:
        owner = self.browser(chat, _made[chat.token, room][0])
        return owner.put(f"/rooms/{room}/members/{self._id_of(owner, name)}").json()

    def leave(self, chat: Stage, client: socketio.SimpleClient, name: str, room: int) -> object:
        browser = self.browser(chat, name)
        return browser.delete(f"/rooms/{room}/members/{self._id_of(browser, name)}").json()

    def room_page(self, chat: Stage, room: int) -> str:
        _, slug = _made.get((chat.token, room), ("nobody", "nowhere"))
        return f"/r/{slug}"

    def online(self, events: list[tuple[str, Any]], room: int) -> list[list[str]]:
        names, here, states = _names_in(events), set(), []
        for event, data in events:
            if event == "welcome":
                here = {each["id"] for each in data["people"] if each["online"]}
            elif event == "presence":
                here = here | {data["user_id"]} if data["online"] else here - {data["user_id"]}
                states.append(sorted(names[person] for person in here))
        return states

    def _id_of(self, browser: Browser, name: str) -> int:
        people = browser.get("/api/people").json()["people"]
        return next(int(each["id"]) for each in people if each["username"] == self.named(name))


def _names_in(events: list[tuple[str, Any]]) -> dict[int, str]:
    """Return the names of the people that `final_app` has told of, by their numbers."""
    people = [each for event, data in events if event == "welcome" for each in data["people"]]
    people += [data["person"] for event, data in events if event == "person_changed"]
    return {each["id"]: each["username"] for each in people}
