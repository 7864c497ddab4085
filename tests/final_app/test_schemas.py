"""The server answers everything that a client sends once, with known codes.

Every text becomes safe HTML.
"""

import itertools
import json
import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
import socketio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from final_app.chat import formatting
from final_app.errors import ChatError
from final_app.realtime import schemas
from final_app.wire.server import OWN_EVENTS
from tests.final_app.conftest import People
from tests.final_app.rig import ANSWER_TIMEOUT, Person, Server

EXAMPLES = 60  # of each event
CODES = {"invalid", "unauthorized", "forbidden", "not_found", "conflict", "rate_limited", "busy"}
SHAPES = {
    "new_message": schemas.NewMessage, "edit_message": schemas.EditMessage,
    "delete_message": schemas.DeleteMessage, "mark_read": schemas.MarkRead, "sync": schemas.Sync,
    "typing": schemas.Typing, "react": schemas.React,
}  # fmt: skip
SLOWEST = 0.3  # seconds, for 4,000 characters; they take some milliseconds
TEXT_MOST = 4000  # characters

bounded = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip

# Integers of 100 digits and more are refused by Engine.IO's decoder, as packets that are not JSON.
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40)
    | st.sampled_from([2**53, 2**63, 2**64, -1, 10**90, 1e308, "", "\x00", "\ud800", "1" * 5000,
                       "x" * 5000, "‮", "__proto__", "00000000-0000-4000-8000-000000000000"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def payloads(event: str) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return payloads: objects with the right names and any values, and completely random data."""
    names = list(SHAPES[event].model_fields)
    likely = st.sampled_from(
        [1, 2, True, None, "text", {"1": 0}, {"x": 1}, {"1": 2**63}, {"9" * 5000: 1}]
    )
    wanted = st.fixed_dictionaries({}, optional={name: anything | likely for name in names})
    extra = st.dictionaries(st.text(max_size=8), anything, max_size=1)
    close = st.builds(lambda first, second: first | second, wanted, extra)
    return st.tuples(close) | st.tuples(wanted) | st.lists(anything, max_size=3).map(tuple)


class Line:
    """A socket that counts the answers to every send."""

    def __init__(self, person: Person) -> None:
        self.answers: list[Any] = []
        assert person.socket is not None
        self.socket: socketio.Client = person.socket

    def send(self, event: str, payload: tuple[Any, ...]) -> list[Any]:
        """Send an event, and then another one.

        Answers keep their order, so all of them arrive before its answer.
        """
        answers: list[Any] = []
        self.socket.emit(event, payload, callback=lambda *answer: answers.append(answer))
        barrier = self.socket.call("sync", {"rooms": {}}, timeout=ANSWER_TIMEOUT)
        assert barrier == {"ok": True, "rooms": {}}
        return answers


@pytest.fixture(scope="module")
def line(people: People) -> Line:
    people["ada"].say(1, "Something to edit")
    return Line(people["ada"])


@pytest.fixture(autouse=True)
def calm(server: Server) -> Iterator[None]:
    """No test leaves a traceback in the server's log, and the server keeps running."""
    before = len(server.log)
    yield
    assert server.process is not None and server.process.poll() is None
    assert [line for line in server.log[before:] if "Traceback" in line or "Error" in line] == []


def is_answer(answer: Any) -> bool:
    """Return whether it is {"ok": true, …} or {"ok": false, "error": {known code, sentence}}."""
    if not isinstance(answer, dict) or answer.get("ok") is True:
        return isinstance(answer, dict) and "error" not in answer
    error = answer.get("error")
    return (
        answer.keys() == {"ok", "error"} and answer["ok"] is False and error["code"] in CODES
        and isinstance(error["message"], str) and 0 < len(error["message"]) < 1000
        and error.keys() <= {"code", "message", "field", "retry_after"}
    )  # fmt: skip


@pytest.mark.parametrize("answer", [
    None, True, {}, {"ok": False}, {"ok": True, "error": {}},
    {"ok": False, "error": {"code": "odd", "message": "x"}},
    {"ok": False, "error": {"code": "internal", "message": "x"}},
    {"ok": False, "error": {"code": "invalid", "message": ""}},
])  # fmt: skip
def test_what_is_no_answer_would_be_noticed(answer: object) -> None:
    """The negative twin of the following tests."""
    with pytest.raises((AssertionError, KeyError)):
        assert is_answer(answer)
    assert is_answer({"ok": True}) and is_answer(ChatError("x").answer()) is False


@pytest.mark.parametrize("event", SHAPES)
def test_every_payload_is_answered_once_in_known_words(line: Line, event: str) -> None:
    codes = set()

    @bounded
    @given(payload=payloads(event))
    def check(payload: tuple[Any, ...]) -> None:
        answers = line.send(event, payload)
        assert len(answers) == 1 and len(answers[0]) == 1, answers
        assert is_answer(answers[0][0]), answers
        codes.add("ok" if answers[0][0]["ok"] else answers[0][0]["error"]["code"])

    check()
    assert "invalid" in codes  # it has not been too kind
    assert line.send("sync", ({"rooms": {}},)) == [({"ok": True, "rooms": {}},)]


@bounded
@given(name=st.text(max_size=60) | st.sampled_from(["message", "ping", "new_messages"]),
       payload=st.lists(anything, max_size=2).map(tuple))  # fmt: skip
def test_an_event_that_does_not_exist_is_answered_too(
    line: Line, name: str, payload: tuple[Any, ...]
) -> None:
    if name in SHAPES or name in OWN_EVENTS:
        return
    ((answer,),) = line.send(name, payload)
    assert answer["error"]["code"] == "invalid"


@pytest.mark.parametrize("name", [None, 5, 1.5, True, [], ["a"], {}, {"a": 1}, *sorted(OWN_EVENTS)])
def test_an_event_with_an_impossible_name_ends_the_connection(people: People, name: object) -> None:
    """No library would send such a packet, so the test writes it by hand."""
    tab = people["bo"].tab()
    assert tab.socket is not None
    tab.socket.eio.send(f"2{json.dumps([name, {}])}")
    assert tab.ending()[-1][0] == "disconnect"


# ---- what is said


TAGS = {"p", "br", "strong", "em", "s", "code", "pre", "a", "ul", "ol", "li", "blockquote", "span"}
ATTRIBUTES = {
    ("a", "href"), ("a", "rel"), ("a", "target"), ("ol", "start"), ("span", "class"),
}  # fmt: skip

pieces = st.sampled_from([
    "<script>", "</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)", "[a](", ")", "](",
    "[x](javascript:alert(1))", "[x](JaVa&#115;cript:alert(1))", "<javascript:alert(1)>", "`", "```",
    "\n", "\n\n", "> ", "- ", "1. ", "**", "*", "_", "~~", "@bo", "@bo.", "@<b>", "&lt;", "&#x3c;",
    "&amp;", '"', "'", "<", ">", "\\", "http://x.example/", 'http://x.example/"onmouseover="a',
    "data:text/html,<b>", "vbscript:x", "mailto:a@b.example", "www.x.example", "![i](x)", "#", "\t",
    "[x]: javascript:alert(1)\n", "<span class=mention onclick=a>", "\x00", "\ufffe", "\u202e", "    ",
    "|a|\n|-|\n", "<!--", "<![CDATA[",
])  # fmt: skip
texts = st.lists(pieces | st.text(max_size=6), max_size=25).map("".join)


class Found(HTMLParser):
    """Collects everything that a browser would treat as a tag or an attribute."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.links: list[str] = []
        self.classes: list[str | None] = []
        self.other: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(tag, name) for name, _ in attributes}
        self.links += [value or "" for name, value in attributes if name == "href"]
        self.classes += [value for name, value in attributes if name == "class"]

    def handle_comment(self, data: str) -> None:
        self.other.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def harm(html: str) -> list[object]:
    """Return everything in a message's HTML that must not be there."""
    found = Found(html)
    links = [link for link in found.links if not re.match(r"(https?|mailto):|[^:]*$", link, re.I)]
    classes = [each for each in found.classes if each not in ("mention", "")]
    return [*(found.tags - TAGS), *(found.attributes - ATTRIBUTES), *links, *classes, *found.other]


@settings(bounded, max_examples=500)
@given(text=texts)
def test_no_text_becomes_more_than_plain_formatting(text: str) -> None:
    assert harm(formatting.render(text, ["bo"]).html) == []


@pytest.mark.parametrize("html", [
    "<script>1</script>", "<p onclick=a>", '<a href="javascript:a">', "<img src=x>", "<!-- a -->",
    '<a href="data:text/html,a">', '<span class="button">', '<p style="a">',
])  # fmt: skip
def test_harm_would_be_noticed(html: str) -> None:
    """The negative twin of the test above."""
    assert harm(html) != []


def test_formatting_does_what_it_is_for() -> None:
    """Otherwise, a function that returns nothing would pass as safe."""
    html = formatting.render(
        "**b** *i* ~~s~~ `c` http://x.example/ @bo\n\n> q\n\n- l\n\n```\n<x>\n```", ["bo"]
    ).html
    assert Found(html).tags == TAGS - {"br", "ol"}
    assert "&lt;x&gt;" in html and 'href="http://x.example/"' in html


CRAFTED = [
    "*", "_", "**a", "~~", "`", "``", "[", "](", "[a](", "![", "<", "<a", "&", "&#", "\\", "> ", ">",
    "- ", "1. ", "@", "@a", "@a.", "@a-", "@bo", "http://", "http://a.", "www.", "a.b", "a@b.", "://",
    "*a_", "_*", "[[", "[]", "()", "((", "<!--", "\n", "\n>", "\n- ", "\n\n", "```\n", "    ", "\t",
    "*a **b ", "a*", "~", "'", "xn--a.", "www.|a|", "$www.", "http://[", "a@a.", "a.", "http://a ",
    "\u0301\u0316",
]  # fmt: skip


@pytest.mark.parametrize("tail", [pytest.param("", marks=pytest.mark.long), "!"])
def test_no_crafted_text_takes_long(tail: str) -> None:
    took = {}
    pairs = [] if tail else [a + b for a, b in itertools.permutations(CRAFTED[:12], 2)]
    beginnings = ("", "www.", "http://", "http://a/", "a@")
    texts = [*itertools.product(beginnings, CRAFTED), *itertools.product([""], pairs)]
    for beginning, piece in texts:
        text = (beginning + piece * TEXT_MOST)[: TEXT_MOST - len(tail)] + tail
        start = time.process_time()
        formatting.render(text, ["bo"])
        formatting.mentioned(text)
        took[beginning, piece] = time.process_time() - start
    slowest = max(took, key=lambda text: took[text])
    assert took[slowest] < SLOWEST, (slowest, took[slowest])
