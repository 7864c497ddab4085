"""PostgreSQL cannot store the character NUL. Whoever sends one is told so, and nothing else happens."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.final_app.conftest import People
from tests.final_app.rig import PASSWORD, Person, Server

NUL = "a\0b"


@pytest.fixture(autouse=True)
def calm(server: Server) -> Iterator[None]:
    """No test leaves a traceback in the server's log."""
    before = len(server.log)
    yield
    assert [line for line in server.log[before:] if "Traceback" in line or "Error" in line] == []


def test_a_stranger_who_sends_nul_is_refused(people: People, server: Server) -> None:
    eve = Person(server, "eve")
    told = [
        eve.form("/login", username=NUL, password=PASSWORD), eve.get("/register?invite=a%00b"),
        eve.form("/register", "/login", username=NUL, password=PASSWORD, invite=NUL),
        eve.form("/register", "/login", username="eve", password=PASSWORD, invite=NUL),
        eve.get("/login?next=/r/a%00b"), eve.get("/r/a%00b"),
    ]  # fmt: skip
    assert all(answer.status_code < 500 for answer in told), told


def test_a_page_that_sends_nul_is_refused(people: People) -> None:
    bo = people["bo"]
    told = [
        bo.get("/r/a%00b"), bo.get("/api/search?q=a%00b"), bo.get("/files/a%00b"),
        bo.call("POST", "/rooms", {"name": NUL, "kind": "open"}),
        bo.call("POST", "/hooks", {"room": NUL, "text": "Hello"}),
        bo.call("PUT", "/api/rooms/1/notify", {"level": NUL}), bo.call("DELETE", "/api/uploads/a%00b"),
        bo.form("/account/name", page="/account", name=NUL), bo.send(1, NUL, b"text"),
        bo.form("/account/password", page="/account", current=NUL, password=PASSWORD),
    ]  # fmt: skip
    assert all(answer.status_code < 500 for answer in told), told
    assert bo.get("/account").ok


def test_an_event_with_nul_is_refused(people: People) -> None:
    ada, said = people["ada"], people["ada"].say(1, "Hello")["message"]
    events: list[tuple[str, dict[str, Any]]] = [
        ("new_message", {"room": 1, "client_id": NUL, "text": "Hello"}),
        ("new_message", {"room": 1, "client_id": str(uuid.uuid4()), "text": "", "uploads": [NUL]}),
        ("new_message", {"room": 1, "client_id": str(uuid.uuid4()), "text": NUL}),
        ("edit_message", {"id": said["id"], "text": NUL}),
        ("react", {"id": said["id"], "emoji": NUL, "on": True}),
        ("sync", {"rooms": {NUL: 0}}),
    ]
    answers = [ada.emit(event, data) for event, data in events]
    assert [answer["error"]["code"] for answer in answers] == ["invalid"] * len(events)
    assert ada.say(1, "Hello again")["ok"]
