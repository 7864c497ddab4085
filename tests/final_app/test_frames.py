"""A message is short in the frame that every member of its room receives."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from final_app.chat import formatting
from tests.final_app.conftest import People
from tests.final_app.rig import Person, Server
from tests.wire.raw import Socket, received

Room = Callable[..., int]
Message = dict[str, Any]

PLAIN_MOST = 300  # bytes of the frame of PLAIN, with its two or four bytes of a WebSocket
PLAIN = "The quick brown fox jumps over the lazy dog, and " * 2 + "on"
ALWAYS = {"id", "room", "seq", "rev", "client_id", "author", "created_at"}
HALF = "\ud800"  # an unpaired surrogate, which UTF-8 cannot express
BROKEN = [
    ("new_message", {"room": 1, "client_id": HALF, "text": "x"}),
    ("new_message", {"room": 1, "client_id": "00000000-0000-4000-8000-000000000001", "text": HALF}),
    ("new_message", {"room": 1, "text": "x", "uploads": [HALF]}),
    ("new_message", {"room": HALF}),
    ("new_message", {HALF: HALF}),
    ("edit_message", {"id": 1, "text": HALF}),
    ("delete_message", {"id": HALF}),
    ("react", {"id": 1, "emoji": HALF, "on": True}),
    ("mark_read", {"room": HALF, "seq": 1}),
    ("sync", {"rooms": {HALF: 1}}),
    ("typing", {"room": 1, "on": HALF}),
    ("typing", HALF),
    (HALF, {}),
]


class Counted:
    """A connection that counts the bytes it receives."""

    def __init__(self, line: socket.socket) -> None:
        self._line, self.bytes = line, 0

    def recv(self, most: int) -> bytes:
        piece = self._line.recv(most)
        self.bytes += len(piece)
        return piece


class Listener:
    """Bo, as a socket whose frames are counted."""

    def __init__(self, server: Server, person: Person) -> None:
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.http.cookies)
        self.socket = Socket(server, f"Cookie: {cookies}")
        self._line: Any = Counted(self.socket.line)

    def hear(self, event: str = "new_message") -> tuple[Message, int]:
        """Return the message in the next event, and the size of its frame in bytes."""
        while True:
            before = self._line.bytes
            _, payload = received(self._line)
            if payload.startswith(f'42["{event}"'.encode()):
                return json.loads(payload[2:])[1], self._line.bytes - before


@pytest.fixture
def bo(server: Server, people: People) -> Iterator[Listener]:
    listener = Listener(server, people["bo"])
    yield listener
    listener.socket.close()


def test_a_plain_message_of_a_hundred_characters_is_short(
    people: People, general: int, bo: Listener
) -> None:
    assert len(PLAIN) == 100
    people["ada"].say(general, PLAIN)
    message, size = bo.hear()
    assert size <= PLAIN_MOST
    assert set(message) == ALWAYS | {"text"}


@pytest.mark.parametrize(
    "text",
    ["Ещё" * 33, "漢字" * 50, "\U0001f370" * 100, "naïve " * 16],
    ids=["Cyrillic", "Chinese", "emoji", "Latin"],
)
def test_other_scripts_take_the_bytes_of_utf8(
    people: People, general: int, bo: Listener, text: str
) -> None:
    people["ada"].say(general, text)
    message, size = bo.hear()
    assert message["text"] == text.strip()
    assert size <= PLAIN_MOST - len(PLAIN) + len(text.encode())


def test_a_message_has_what_it_needs_and_nothing_that_is_empty(
    people: People, room: Room, bo: Listener
) -> None:
    ada, here = people["ada"], room("Short", "bo")
    first = ada.say(here, "First")["message"]["id"]
    ada.say(here, "**Bold**")
    ada.say(here, "@bo, look")
    ada.say(here, "Yes", reply_to=first)
    assert [set(bo.hear()[0]) - ALWAYS for _ in range(4)] == [
        {"text"}, {"text", "html"}, {"text", "html", "mentions"}, {"text", "reply_to"}
    ]  # fmt: skip
    ada.emit("edit_message", {"id": first, "text": "1st"})
    ada.emit("react", {"id": first, "emoji": "\U0001f370", "on": True})
    ada.emit("react", {"id": first, "emoji": "\U0001f370", "on": False})
    ada.emit("delete_message", {"id": first})
    assert [set(bo.hear("message_changed")[0]) - ALWAYS for _ in range(4)] == [
        {"text", "edited_at"}, {"text", "edited_at", "reactions"}, {"text", "edited_at"},
        {"edited_at", "deleted"},
    ]  # fmt: skip
    reply = ada.say(here, "Gone?", reply_to=first)["message"]["reply_to"]
    author = {"author_id": ada.id, "author": "ada"}
    assert reply == {"id": first, "seq": 1, **author, "deleted": True}


# ---- half a character


@pytest.mark.parametrize(("event", "payload"), BROKEN, ids=[ascii(each)[:60] for each in BROKEN])
def test_half_a_character_is_refused_in_utf8_and_told_to_nobody(
    people: People, general: int, server: Server, bo: Listener, event: str, payload: object
) -> None:
    ada = Listener(server, people["ada"]).socket
    answer = ada.ask(event, payload)  # reads the frame as UTF-8
    assert answer["ok"] is False and answer["error"]["code"] == "invalid"
    people["ada"].say(general, "And on")
    assert bo.hear()[0]["text"] == "And on"
    ada.close()


# ---- what needs no HTML


@pytest.mark.parametrize(
    "text",
    [PLAIN, "one\ntwo", "a  b", "5 < 6 & 7 > 2", "<b>no</b> \"quotes\" 'too'", "&amp;", "a\u00a0b",
     "ä🍰\n\u2028b"],
)  # fmt: skip
def test_a_text_without_formatting_is_plain(text: str) -> None:
    text = text.strip()
    assert formatting.is_plain(text, formatting.render(text, []).html)


@pytest.mark.parametrize(
    "text",
    ["*one*", "`one`", "http://example.org", "> one", "- one", "one\n\ntwo", "one\n  two", "\\*", "@bo"],
)  # fmt: skip
def test_a_text_with_formatting_is_not_plain(text: str) -> None:
    assert not formatting.is_plain(text, formatting.render(text, ["bo"]).html)


@given(st.text(st.sampled_from("ab \n\r\t<>&;\"'*_`[]()#-\u00a0\u2028é🍰\\!~@"), max_size=40))
@example("&nbsp;\u00a0")
def test_whatever_is_plain_shows_its_own_characters(typed: str) -> None:
    text = typed.replace("\r\n", "\n").strip()
    html = formatting.render(text, []).html
    if formatting.is_plain(text, html):
        assert formatting.plain(html) == text
        assert (
            set("<>") & set(html.removeprefix("<p>").removesuffix("</p>").replace("<br>", ""))
            == set()
        )
