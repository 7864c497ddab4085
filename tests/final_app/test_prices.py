"""Everything that a person can request has a price: reading counts, and a form has few parts."""

import http.client
import json
import socket
import time
from pathlib import Path

import psutil
import pytest
import socketio

from final_app import config
from final_app.config import MOST_FIELDS
from final_app.web.uploads import UPLOAD_PARTS
from tests.final_app.conftest import People
from tests.final_app.rig import ANSWER_TIMEOUT, Person, Server, png

PARTS = 1_000
LIMIT = 40  # reads per hour, in the test of the limit
LIST, ROOM, SYNC = 3, 15, 40  # reads that they count as
HOME = 5 + ROOM  # "/" leads to a room
PRICES = {
    "/account": 10, "/": HOME, "/r/general": ROOM, "/api/rooms/1/messages": 5, "/api/people": LIST,
    "/api/rooms": LIST, "/api/rooms/1/members": LIST, "/api/search?q=x": 10,
}  # fmt: skip
SCROLLED = 30  # pages of history: 1,500 messages
TABS, SEARCHES, PICTURES = 10, 15, 300
PEN = "BOUNDARY"
EXPECTED = "Expected a form with `room` (an id) and one file as `file`"


def part(name: str, content: bytes = b"", filename: str | None = None) -> bytes:
    label = f'; filename="{filename}"' if filename is not None else ""
    head = f'--{PEN}\r\nContent-Disposition: form-data; name="{name}"{label}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def upload(who: Person, *parts: bytes) -> tuple[int, str]:
    """Send a form, and return the status and the error message."""
    answer = who.http.post(
        f"{who.server.url}/api/uploads", data=b"".join(parts) + f"--{PEN}--\r\n".encode(),
        headers={
            "Content-Type": f"multipart/form-data; boundary={PEN}",
            "X-CSRFToken": who.token("/account"), "Accept": "application/json",
        },
        timeout=ANSWER_TIMEOUT,
    )  # fmt: skip
    return answer.status_code, answer.json().get("error", {}).get("message", "")


# ---- forms


@pytest.mark.parametrize("name", ["file", "other"])
def test_a_form_that_is_held_open_costs_no_descriptors(
    people: People, server: Server, name: str
) -> None:
    """The server refuses it at the second file, although it announces more."""
    ada = people["ada"]
    body = part("room", b"1") + part(name, filename="a.txt") * PARTS
    cookies = "; ".join(f"{each.name}={each.value}" for each in ada.http.cookies)
    head = (
        f"POST /api/uploads HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\n"
        f"X-CSRFToken: {ada.token('/account')}\r\nAccept: application/json\r\n"
        f"Content-Type: multipart/form-data; boundary={PEN}\r\n"
        f"Content-Length: {len(body) + 1_000}\r\n\r\n"
    )
    assert server.process
    process = psutil.Process(server.process.pid)
    before = process.num_fds()
    with socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_TIMEOUT) as line:
        line.sendall(head.encode() + body)
        most = _most_descriptors(process, line)
        assert most <= before + 10
        answer = http.client.HTTPResponse(line)
        answer.begin()
        told = json.loads(answer.read())
    assert answer.status == 400 and told["error"]["message"].startswith(EXPECTED)


def test_an_upload_says_what_it_expects(people: People, server: Server) -> None:
    bo, room, file = people["bo"], part("room", b"1"), part("file", b"x", "a.txt")
    assert upload(bo, room, file)[0] == 201
    assert upload(bo, file, room)[0] == 201
    assert upload(bo, room, file, part("csrf_token", b"x"), part("more"))[0] == 201
    too_many = f"{EXPECTED}, and no more than {UPLOAD_PARTS} parts."
    for parts, message in (
        ([room, file, part("file", b"y", "b.txt")], f"{EXPECTED}. It has another file as `file`."),
        ([room, part("room2", b"", "a")], f"{EXPECTED}. It has another file as `room2`."),
        ([room, file, *[part("more")] * 3], too_many),
        ([part("more")] * PARTS, too_many),
        ([part("room", b"1" * 200_000), file], too_many),
        ([room], f"{EXPECTED}."),
        ([file], f"{EXPECTED}."),
    ):
        assert upload(bo, *parts) == (400, message)
    assert not list((server.folder / "uploads" / "incoming").iterdir())


def test_other_forms_have_few_fields_too(server: Server) -> None:
    stranger = Person(server, "stranger")
    token = stranger.token("/login")
    fields = {"csrf_token": (None, token), "username": (None, "x"), "password": (None, "y")}
    many = {f"field {number}": (None, "x") for number in range(MOST_FIELDS)}
    answers = [
        stranger.http.post(f"{server.url}/login", files=each, timeout=ANSWER_TIMEOUT)
        for each in (fields, fields | many, fields | {"password": (None, "y" * 20_000)})
    ]
    assert [each.status_code for each in answers] == [401, 413, 413]
    assert "more bytes or more fields than the chat expects" in answers[1].text


# ---- reading


def test_reading_has_a_price_and_a_limit_for_each_person(tmp_path: Path) -> None:
    """When they registered, each person opened "/" and a room, which have a price, too."""
    server = Server(tmp_path, CHAT_LIMIT_READS=f"{LIMIT + HOME} per hour").start()
    invite = Person(server, "ada").begin().invite()
    served = {}
    for number, path in enumerate(PRICES):
        reader = Person(server, f"reader{number}").register(invite)
        answers = [reader.call("GET", path) for _ in range(LIMIT + 1)]
        statuses = [each.status_code for each in answers]
        served[path] = statuses.count(200)
        assert statuses == [200] * served[path] + [429] * (LIMIT + 1 - served[path])
        assert answers[-1].json()["error"]["retry_after"] > 1
    server.stop()
    assert served == {path: LIMIT // price for path, price in PRICES.items()}


def test_somebody_in_a_hurry_does_not_meet_the_limit(tmp_path: Path) -> None:
    """In a few seconds, they open many tabs, and scroll and search in a room full of pictures."""
    as_shipped = config.Settings().limit_reads
    server = Server(tmp_path, CHAT_LIMIT_READS=as_shipped).start()
    ada = Person(server, "ada").begin()
    picture = ada.upload(1, "a.png", png())["upload"]["id"]
    paths = [
        *["/r/general", "/api/people", "/api/rooms/1/members"] * TABS,
        *["/api/rooms/1/messages?before=1000"] * SCROLLED,
        *["/api/search?q=word"] * SEARCHES,
        *[f"/files/{picture}/thumb"] * PICTURES,
    ]
    began = time.monotonic()
    assert {ada.get(path).status_code for path in paths} == {200}
    print(f"{len(paths)} reads in {time.monotonic() - began:.1f} s")
    server.stop()


def _most_descriptors(process: psutil.Process, line: socket.socket) -> int:
    """Return the largest number of descriptors that a process has open until it answers."""
    most, began = 0, time.monotonic()
    line.setblocking(False)
    while time.monotonic() < began + ANSWER_TIMEOUT:
        most = max(most, process.num_fds())
        try:
            line.recv(1, socket.MSG_PEEK)
            break
        except BlockingIOError:
            continue
    line.settimeout(ANSWER_TIMEOUT)
    return most


def test_a_connection_and_a_sync_have_a_price(tmp_path: Path) -> None:
    connections, syncs = 3, 2
    limit = HOME + SYNC * syncs + LIST * connections
    server = Server(tmp_path, CHAT_LIMIT_READS=f"{limit} per hour").start()
    ada = Person(server, "ada").begin()  # opens "/" and a room
    ada.connect()
    answers = [ada.emit("sync", {"rooms": {}}) for _ in range(syncs + 1)]
    ada.leave()
    tabs: list[Person] = []
    with pytest.raises(socketio.exceptions.ConnectionError):
        while len(tabs) < 20:
            tabs.append(ada.tab())
    for tab in tabs:
        tab.leave()
    server.stop()
    assert [each["ok"] for each in answers] == [True] * syncs + [False]
    assert (
        answers[-1]["error"]["code"] == "rate_limited" and answers[-1]["error"]["retry_after"] > 1
    )
    assert len(tabs) == connections - 1
