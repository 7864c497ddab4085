"""How people enter a stage and speak there: one small adapter per family of stages, 01 to 08.

Promises say `enter(chat, "Ada")` and `say(chat, ada, "Hello")`, and stay the same when the name moves
from the message into the connection, and then into an account.
"""

from typing import Any
from urllib.parse import quote

import socketio
from requests import Response

from workshop.browser import PASSWORD, Browser
from workshop.clients import TurnedAway, connect, connect_when_free
from workshop.stages import Stage

Message = dict[str, Any]

_browsers: dict[tuple[str, str], Browser] = {}  # by the stage's token and the name


class NameInMessage:
    """Steps 04 and 05: a message says itself who wrote it. So do 01 to 03, as far as pages go."""

    longest = 500  # characters of a text
    general = 0  # the room that everybody is in; 0 where there is only one
    has_accounts = False

    def connect(self, chat: Stage, name: str) -> socketio.SimpleClient:
        return connect(chat, name, transports=["websocket"])

    def payload(self, name: str, text: str, room: int) -> Message:
        """Return what `new_message` carries to say this."""
        return {"username": name, "text": text}

    def holds(self, message: Message, name: str, text: str) -> bool:
        """Tell whether a message that was heard holds what its author sent."""
        return all(message.get(k) == v for k, v in self.payload(name, text, 0).items())

    def message_in(self, data: object) -> Message:
        """Return the message in what `new_message` brought; {} when it is none."""
        return data if isinstance(data, dict) else {}

    def author(self, message: Message) -> object:
        return message.get("username")

    def named(self, name: str) -> str:
        """Return the name as messages and pages carry it."""
        return name

    def page(self, name: str) -> str:
        """Return the address of the chat's page for somebody of this name."""
        return f"/chat?username={quote(name)}"

    def browser(self, chat: Stage, name: str) -> Browser:
        """Return what this person visits pages with."""
        return Browser(chat)

    def sync(self, after: object, room: int) -> tuple[str, object]:
        """Return the event that asks for what came after a number, and what it carries."""
        return "sync", {"after": after}

    def synced(self, answer: Message, room: int) -> object:
        """Return the messages in the acknowledgement of `sync`."""
        return answer.get("messages")


class NameInConnection(NameInMessage):
    """Steps 06 and 07: the name comes once, with the connection."""

    def connect(self, chat: Stage, name: str) -> socketio.SimpleClient:
        return connect_when_free(chat, name, transports=["websocket"])

    def payload(self, name: str, text: str, room: int) -> Message:
        return {"text": text}

    def holds(self, message: Message, name: str, text: str) -> bool:
        return message.get("text") == text


class Account(NameInConnection):
    """Step 08: the name belongs to an account, and a cookie says whose connection it is.

    Somebody who enters twice has two tabs of one browser: a log-in takes a tenth of a second.
    """

    has_accounts = True

    def connect(self, chat: Stage, name: str) -> socketio.SimpleClient:
        """Connect, in a new browser where the log-in of the old one has ended meanwhile."""
        try:
            return connect(chat, None, self.browser(chat, name), transports=["websocket"])
        except TurnedAway:
            _browsers[chat.token, name] = browser = self.new_browser(chat, name)
            return connect(chat, None, browser, transports=["websocket"])

    def page(self, name: str) -> str:
        return "/chat"

    def browser(self, chat: Stage, name: str) -> Browser:
        if (chat.token, name) not in _browsers:
            _browsers[chat.token, name] = self.new_browser(chat, name)
        return _browsers[chat.token, name]

    def new_browser(self, chat: Stage, name: str, password: str = PASSWORD) -> Browser:
        """Return another browser in which this person is logged in."""
        browser = Browser(chat)
        browser.enter(name, password)
        return browser

    def register(self, chat: Stage, name: str, password: str) -> tuple[Browser, Response]:
        """Fill in the form; return the browser, and what it was answered."""
        browser = Browser(chat)
        return browser, browser.post("/register", data={"username": name, "password": password})
