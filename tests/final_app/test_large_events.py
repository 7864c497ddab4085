"""Events that are too large: the sender learns why the server refuses them."""

import json
import signal
import socket
from collections.abc import Iterator

import pytest
import requests

from final_app.config import LARGEST_PACKET
from tests.final_app.rig import ANSWER_TIMEOUT, Person, Server
from tests.final_app.test_development import Development
from tests.wire.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    POLLING,
    TEXT,
    close_code,
    frame,
    handshake,
    received,
)

MALFORMED, TOO_LARGE = 1002, 1009  # RFC 6455, section 7.4.1


@pytest.fixture(scope="module", params=[Server, Development], ids=["gevent", "threads"])
def ada(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Person]:
    """Ada, logged in, on each of the two servers."""
    chat: Server = request.param(tmp_path_factory.mktemp("chat") / "data").start()
    try:
        yield Person(chat, "ada").begin()
    finally:
        chat.stop(signal.SIGKILL)


def connect(person: Person) -> socket.socket:
    """Return a WebSocket of this person that has received everything up to `welcome`."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.http.cookies)
    line, status, _ = handshake(person.server, "Host: localhost", f"Cookie: {cookies}")
    assert status == 101
    line.sendall(frame(b"40"))
    while not received(line)[1].startswith(b'42["welcome"'):
        pass
    return line


def edit(size: int, start: bytes = b"420") -> bytes:
    """Return an event of this many bytes that edits a message, and its acknowledgement's number."""
    start, end = start + b'["edit_message",{"id":1,"text":"', b'"}]'
    return start + b"x" * (size - len(start) - len(end)) + end


def acknowledgement(line: socket.socket, number: int) -> dict[str, object]:
    """Wait for an acknowledgement and return its content."""
    start = b"43%d" % number
    while not (packet := received(line)[1]).startswith(start):
        pass
    (answer,) = json.loads(packet.removeprefix(start))
    assert isinstance(answer, dict)
    return answer


def is_closed(ada: Person, line: socket.socket) -> bool:
    """Return whether the server closes the connection because of a malformed packet.

    Engine.IO's own server, which is used with threads, ends the session with its own packet.
    """
    if not isinstance(ada.server, Development):
        return close_code(line) == MALFORMED
    opcode, payload = received(line)
    while opcode == TEXT and payload != b"1":
        opcode, payload = received(line)
    return opcode == CLOSE or payload == b"1"


def test_the_largest_event_is_answered(ada: Person) -> None:
    line = connect(ada)
    line.sendall(frame(edit(LARGEST_PACKET)))
    assert acknowledgement(line, 0)["ok"] is False
    line.close()


@pytest.mark.parametrize("size", [LARGEST_PACKET + 1, 2 * LARGEST_PACKET])
def test_a_larger_event_closes_the_socket_and_the_code_says_why(ada: Person, size: int) -> None:
    line = connect(ada)
    line.sendall(frame(edit(size)))
    assert close_code(line) == TOO_LARGE
    line.close()


@pytest.mark.parametrize("ada", [Server], ids=["gevent"], indirect=True)  # Werkzeug has its own way
def test_the_code_arrives_although_the_server_has_not_read_the_event(ada: Person) -> None:
    """If a connection ends with a reset, the code is lost, and a browser reports 1006 instead."""
    line = connect(ada)
    line.sendall(frame(edit(2 * LARGEST_PACKET)))
    assert close_code(line) == TOO_LARGE
    line.sendall(frame(TOO_LARGE.to_bytes(2), CLOSE))
    line.shutdown(socket.SHUT_WR)
    assert line.recv(1) == b""
    line.close()


def test_fragments_of_an_event_that_is_too_large_close_the_socket(ada: Person) -> None:
    line = connect(ada)
    event = edit(2 * LARGEST_PACKET)
    half = len(event) // 2 + 1
    line.sendall(frame(event[:half], TEXT, fin=False) + frame(event[half:], CONTINUATION))
    assert close_code(line) == TOO_LARGE
    line.close()


@pytest.mark.parametrize("count", [1, 30])
def test_an_event_with_attachments_closes_the_socket_before_they_are_sent(
    ada: Person, count: int
) -> None:
    """Each attachment fits into a frame, but there can be any number of them."""
    line = connect(ada)
    text = json.dumps({"id": 1, "text": {"_placeholder": True, "num": 0}})
    line.sendall(frame(b"45%d-7" % count + b'["edit_message",' + text.encode() + b"]"))
    assert is_closed(ada, line)
    line.close()


def test_an_attachment_of_no_event_closes_the_socket(ada: Person) -> None:
    line = connect(ada)
    line.sendall(frame(b"x", BINARY))
    assert is_closed(ada, line)
    line.close()


def nested(levels: int) -> bytes:
    text = b"[" * levels + b"]" * levels
    return frame(b'421["edit_message",{"id":1,"text":' + text + b"}]")


def test_an_event_that_is_nested_is_refused(ada: Person) -> None:
    line = connect(ada)
    line.sendall(nested(90))
    assert acknowledgement(line, 1)["ok"] is False
    line.close()


@pytest.mark.parametrize("levels", [150, 400, 900])
def test_an_event_that_is_nested_too_deep_ends_the_connection(ada: Person, levels: int) -> None:
    """It causes no error in the server."""
    line = connect(ada)
    line.sendall(nested(levels))
    assert close_code(line) in (1000, 1002)
    assert not any("Traceback" in each for each in ada.server.log)
    line.close()


def test_an_attachment_that_is_too_large_closes_the_socket(ada: Person) -> None:
    line = connect(ada)
    line.sendall(frame(b"x" * (LARGEST_PACKET + 1), BINARY))
    assert close_code(line) == TOO_LARGE
    line.close()


def test_a_polling_request_that_is_too_large_is_refused_with_a_sentence(ada: Person) -> None:
    """The server answers it, although no poll is waiting that could report the end of the connection."""
    url = ada.server.url + POLLING
    sid = json.loads(ada.http.get(url, timeout=ANSWER_TIMEOUT).text[1:])["sid"]
    mine = f"{url}&sid={sid}"
    assert ada.http.post(mine, data=b"40", timeout=ANSWER_TIMEOUT).ok
    answer: requests.Response = ada.http.post(
        mine, data=edit(LARGEST_PACKET + 1), timeout=ANSWER_TIMEOUT
    )
    assert answer.status_code == 413
    assert answer.json() == {"code": 3, "message": "A request can have at most 100,000 bytes."}
    assert ada.http.get(mine, timeout=ANSWER_TIMEOUT).status_code in (200, 400)
    assert ada.http.post(mine, data=b"3", timeout=ANSWER_TIMEOUT).status_code == 400  # it has ended
