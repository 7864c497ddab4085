"""The client that all promises use: people who connect to a stage, send messages and receive them.

with entered(chat, "Ada", "Bo") as (ada, bo):
    ada.said("Hello")
    expect(bo.hear("new_message"), "Bo receives it.", "nothing", "Is `emit(…)` there?")
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from socketio import SimpleClient
from socketio.exceptions import ConnectionError as Refused
from socketio.exceptions import DisconnectedError
from socketio.exceptions import TimeoutError as NoAnswer

from workshop.browser import Browser
from workshop.checks.console import BEGIN, LOG_SAYS, last_error
from workshop.checks.families import family_of
from workshop.checks.patience import patience
from workshop.checks.promise import Broken, NotAttempted, expect
from workshop.checks.sources import handles_in_order
from workshop.checks.speakers import Message, fields
from workshop.clients import Packet, TurnedAway, connect, meaning, split_packet, tape_of
from workshop.stages import Stage

SOON = 0.5  # seconds; on one machine an acknowledgement takes milliseconds
PATIENCE = 30.0  # seconds; on a busy machine with a slow disk, storing something can take long
MOMENT = 0.2  # seconds for a client's threads to pass on what has arrived
QUOTED = 90  # characters of a payload that a sentence quotes

FREE_AGAIN = "A name is free again when its connection ends."
STILL_HERE = (
    "The person with this name has disconnected, but your server still keeps the name. In the "
    "handler of `disconnect`, remove the name of `request.sid`. Or does `connect` store a name "
    "before it checks whether it is taken?"
)
NOBODY_ANSWERS = (
    "Is `socketio = SocketIO(app, …)` there, below `app = Flask(__name__)`? Without it, the server "
    "does not answer at /socket.io/."
)
SAYS_NO = "Look at the handler of `connect`: why does it refuse the connection?"
NOTHING_RETURNED = (
    "The acknowledgement is empty. The function that refuses the event must `return` the refusal, as "
    "the function below `@socketio.on_error_default` does: `return error.answer()`."
)
REFUSAL = (
    "In a refusal, `ok` is False. With the code, programs can recognize the error, and with the field, "
    "a page can point at what is wrong. `message` is a sentence for people: what the server expected, "
    "and what it got."
)
NOT_ACCEPTED = (
    "The server refuses a message that it should accept, and the acknowledgement says why. Look at the "
    "line that raises this `ChatError`, and the condition above it."
)
# Such as {wait}, {ceil(wait)} or {PERIOD:.0f}, and not {'a': 1} or {text: "Hi"}.
PLACEHOLDER = re.compile(r"\{[A-Za-z_]\w*([!}.(\[]|:[^\s\"'])", re.ASCII)
_numbers = count(1)


class Person:
    """A user with their own connection. `name` is "" if they connected with a browser's cookies."""

    def __init__(self, chat: Stage, name: str, client: SimpleClient) -> None:
        self.chat, self.name, self.client = chat, name, client
        self.family, self.tape = family_of(chat), tape_of(client)

    @property
    def connected(self) -> bool:
        return bool(self.client.connected)

    @property
    def browser(self) -> Browser:
        """This person's browser."""
        return self.family.browser(self.name)

    def disconnect(self) -> None:
        self.client.disconnect()

    def emit(self, event: str, data: object) -> None:
        self.client.emit(event, data)

    def ask(self, event: str, data: object) -> object:
        """Emit an event and return its acknowledgement. Raises Broken if there is none."""
        try:
            return self._call(event, data)
        except DisconnectedError:
            raise Broken(f"The connection stays open, and `{event}` is acknowledged.",
                         "the server closed it",
                         "Your server closes a connection that should stay open. When a session "
                         "ends, close only the connections of that session, which you find by its "
                         "token or its number.") from None  # fmt: skip
        except NoAnswer:
            raise Broken(f"The event `{event}` is acknowledged.", "no acknowledgement",
                         f'No handler received it. Is `@socketio.on("{event}")` there, and spelled '
                         "exactly like this?") from None  # fmt: skip

    def attempt(self, event: str, data: object) -> object:
        """Do the same with the event of an exercise. Raises NotAttempted if nothing handles it."""
        try:
            return self.ask(event, data)
        except Broken as broken:
            if "Traceback" in self.chat.log:
                raise
            raise NotAttempted(f"The event `{event}` is acknowledged.", broken.seen,
                               f'Write a function below `@socketio.on("{event}")`.'
                               ) from None  # fmt: skip

    def payload(self, text: str, room: int | None = None, **more: object) -> Message:
        """Return the payload of `new_message` with which this person sends `text`."""
        room = self.family.general if room is None else room
        return self.family.payload(self.name, text, room) | more

    def say(self, text: str, room: int | None = None, **more: object) -> object:
        """Send a message and return its acknowledgement. Raises Broken if there is none."""
        return self.ask("new_message", self.payload(text, room, **more))

    def said(self, text: str, room: int | None = None, **more: object) -> Message:
        """Send a message and return it as acknowledged. Raises Broken if it is not accepted."""
        answer = self.say(text, room, **more)
        if fields(answer).get("ok") and (message := fields(answer, "message")):
            return message
        raise Broken('The acknowledgement is {"ok": true, "message": {…}}.', f"{answer!r}",
                     NOT_ACCEPTED if fields(answer, "error") else
                     'Return the message, too: `return {"ok": True, "message": message}`.'
                     )  # fmt: skip

    def refused(
        self, event: str, data: object, hint: str, *, code: str = "invalid", field: str = ""
    ) -> None:
        """Raise Broken with the hint unless the server refuses this event with this code and field."""
        wanted = f'"code": "{code}"' + (f', "field": "{field}"' if field else "")
        expected = f"`{event}` with {_short(data)} is refused: "
        expected += f'{{"ok": false, "error": {{{wanted}, "message": "…"}}}}.'
        try:
            answer = self.ask(event, data)
        except Broken as silence:
            log = self.chat.log
            said = f"{LOG_SAYS}{last_error(log)}" if BEGIN in log else ""
            raise Broken(expected, silence.seen + said, hint) from None
        if error := fields(answer, "error"):
            is_refusal = (
                fields(answer).get("ok") is False
                and error.get("code") == code
                and error.get("message")
            )
            expect(is_refusal and (not field or error.get("field") == field),
                   expected, _short(answer), REFUSAL)  # fmt: skip
            expect(not PLACEHOLDER.search(str(error["message"])),
                   "The message of a refusal has values, and not code.", error["message"],
                   'In Python, braces need an f before the quote: `f"… {wait} s."`.')  # fmt: skip
        elif answer is None:
            raise Broken(expected, "an empty acknowledgement", NOTHING_RETURNED, about="app.py")
        else:
            raise Broken(expected, _short(answer), hint)

    def sync(self, after: int, room: int | None = None) -> list[Message]:
        """Ask for the messages after a number, and return them. Raises Broken if there is no list."""
        room = self.family.general if room is None else room
        event, data = self.family.sync(after, room)
        answer = self.ask(event, data)
        messages = self.family.synced(fields(answer), room)
        if isinstance(messages, list):
            return messages
        raise Broken(f'`{event}` with {data!r} is acknowledged with {{"ok": true, "messages": '
                     f'[…]}}.', f"{answer!r}",
                     'Return the list in an object: `{"ok": True, "messages": […]}`.')  # fmt: skip

    def join(self, room: int) -> None:
        """Join a room. This person may already be a member."""
        self.family.join(self.name, room)

    def leave(self, room: int) -> object:
        """Leave a room in this tab, and return the server's answer."""
        return self.family.leave(self.name, room, self.ask)

    def hear(self, event: str) -> object:
        """Wait for the next event and return its data, or None if nothing arrives in time."""
        for timeout in (patience(), MOMENT):
            try:
                while True:
                    name, *data = self.client.receive(timeout=timeout)
                    if name == event:
                        return data[0] if data else ""
            except DisconnectedError:
                return None
            except NoAnswer:
                self.catch_up()  # on a busy machine, the event may still be on its way
        return None

    def heard(self) -> list[tuple[str, object]]:
        """Return every event that has arrived so far, in this order."""
        found: list[Any] = [
            split_packet(str(packet.data))[2]
            for packet in self.tape.packets
            if not packet.sent and meaning(packet).startswith("event ")
        ]
        return [(str(name), data[0] if data else None) for name, *data in found]

    def told(self, event: str) -> list[object]:
        """Return the data of every event with this name that the server has sent so far.

        This method sends an empty message and waits for the refusal, which nobody else receives.
        Everything that the server sent before the refusal arrives before it.
        """
        self.say("")
        return [data for name, data in self.heard() if name == event]

    def messages(self) -> list[Message]:
        """Return every message that the server has sent to this person until now."""
        return [fields(data) for data in self.told("new_message")]

    def texts(self) -> list[object]:
        """Return the texts of all messages that the server has sent to this person until now."""
        return [message.get("text") for message in self.messages()]

    def was_closed(self) -> bool:
        """Wait for the server to close the connection. Return whether it did so in time."""
        if self.tape.wait(_closes, patience()):
            return True
        self.catch_up()
        return any(map(_closes, self.tape.packets))

    def catch_up(self) -> None:
        """Wait until the server has read all that this client has sent, and its answers have arrived.

        To find out, the client asks for a namespace that no stage has. The server refuses this request
        only after it has read everything that the client sent before. On a busy machine, this can
        take a while.
        """
        namespace = f"/nowhere{next(_numbers)}"
        self.client.client.eio.send(f"0{namespace},")
        end = time.monotonic() + PATIENCE
        while self.client.client.connected and time.monotonic() < end:
            if self.tape.wait(lambda packet: str(packet.data).startswith(f"4{namespace},"), SOON):
                return

    def _call(self, event: str, data: object) -> object:
        """Emit an event and return its acknowledgement. Raises NoAnswer if there will be none.

        The time that has passed does not show whether a handler is missing or only slow, but the order
        of the answers does. If a later request is answered first, the event has no acknowledgement.
        """
        before = len(self.tape.packets)
        try:
            return self.client.call(event, data, timeout=SOON)
        except NoAnswer:
            self.catch_up()
            (number,) = (
                split_packet(str(packet.data))[1]
                for packet in self.tape.packets[before:]
                if packet.sent and meaning(packet).startswith("event ")
            )
            wanted = f"acknowledgement {number}"
            if not handles_in_order(self.chat):
                self.tape.wait(lambda packet: meaning(packet) == wanted, patience())
            late = [packet for packet in self.tape.packets[before:] if meaning(packet) == wanted]
            if not late:
                raise
            content: Any = split_packet(str(late[0].data))[2]
            return content[0] if content else None


def enter(chat: Stage, who: str | Browser, called: str | None = None) -> Person:
    """Connect somebody by their name, or with the cookies of a browser.

    A connection with cookies gives the name `called`, if there is one. Raises Broken if the server
    refuses the connection.
    """
    name = who if isinstance(who, str) else ""
    try:
        if isinstance(who, Browser):
            return Person(chat, name, connect(chat, called, who, ["websocket"]))
        return Person(chat, name, family_of(chat).connect(name))
    except TurnedAway as refusal:
        taken = refusal.code == "conflict"
        raise Broken(f"{name or 'Somebody with a login'} can connect.",
                     f"refused ({refusal.code}): {refusal}",
                     STILL_HERE if taken else SAYS_NO,
                     FREE_AGAIN if taken else "") from None  # fmt: skip
    except Refused as problem:
        raise Broken("A Socket.IO client can connect.", str(problem) or "no connection",
                     NOBODY_ANSWERS) from None  # fmt: skip


@contextmanager
def entered(chat: Stage, *who: str | Browser, called: str | None = None) -> Iterator[list[Person]]:
    """Connect several people, and disconnect them at the end."""
    people: list[Person] = []
    try:
        for each in who:
            people.append(enter(chat, each, called))
        yield people
    finally:
        for person in people:
            person.disconnect()


def turned_away(
    chat: Stage, name: str | None = None, browser: Browser | None = None
) -> TurnedAway | None:
    """Try to connect once, and disconnect again. Return the refusal, or None if there was none."""
    try:
        connect(chat, name, browser, transports=["websocket"]).disconnect()
    except TurnedAway as refusal:
        return refusal
    return None


def is_turned_away(chat: Stage, name: str | None, code: str, hint: str) -> None:
    """Raise Broken with the hint unless a connection is refused with this code, and with a reason."""
    refusal = turned_away(chat, name)
    expected = (
        f"A connection with the name {name!r} is refused with the code `{code}` and a reason."
    )
    expect(refusal, expected, "it is accepted", hint)
    expect(refusal and refusal.code == code and str(refusal), expected,
           f"the code {refusal and refusal.code!r} and the sentence “{refusal}”",
           f'Raise `ChatError("{code}", …)`. For `connect`, `handle_error` must turn it into a '
           "`ConnectionRefusedError` that contains the code. Import this class from flask_socketio, "
           "because Python has a different one with the same name.")  # fmt: skip


def number_of(message: Message) -> int:
    """Return the message's number. Raises Broken if it has none."""
    if isinstance(message.get("seq"), int):
        return int(message["seq"])
    raise Broken(
        "A message has a number, `seq`.", f"{message!r}",
        "`seq` is the primary key, which the database assigns when you store the message.",
    )  # fmt: skip


def _short(data: object) -> str:
    text = repr(data)
    return f"{text[:QUOTED]}…" if len(text) > QUOTED else text


def _closes(packet: Packet) -> bool:
    return not packet.sent and meaning(packet) == "disconnect"
