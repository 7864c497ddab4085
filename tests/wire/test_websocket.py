"""The rules of WebSockets: RFC 6455, by section."""

import base64
import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from final_app.wire.websocket import MOST_UNSENT
from tests.busy import within
from tests.final_app.rig import ANSWER_TIMEOUT
from tests.wire.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    KEY,
    MB,
    PING,
    PONG,
    PROMPT,
    TEXT,
    WEBSOCKET,
    Socket,
    Watch,
    ask,
    close_code,
    dial,
    flood,
    frame,
    handshake,
    is_ended,
    received,
    response,
)
from tests.wire.served import Bare

LIMIT = 100_000  # bytes of a message
MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # section 1.3
ECHO = b'421["echo","x"]'
ECHOED = (TEXT, b'431["x"]')
PROTOCOL_ERROR, INVALID_DATA, TOO_BIG = {1002}, {1007}, {1009}
EITHER = {1002, 1007}
FEW, MILLION = 5_000, 1_000_000  # empty fragments
GROWTH = 4 * MB  # bytes of memory that an attack may cost


@pytest.fixture
def client(bare: Bare) -> Iterator[Socket]:
    connected = Socket(bare)
    yield connected
    connected.close()


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(code.to_bytes(2) + reason, CLOSE)


# ---- the handshake (section 4.2)


def test_the_handshake_proves_that_the_server_has_read_the_key(bare: Bare) -> None:
    line, status, head = handshake(bare, "Host: localhost")
    proof = base64.b64encode(hashlib.sha1((KEY + MAGIC).encode()).digest()).decode()
    assert status == 101 and f"Sec-WebSocket-Accept: {proof}\r\n" in head
    line.close()


def test_the_server_offers_no_compression_and_no_protocol(bare: Bare) -> None:
    line, status, head = handshake(
        bare,
        "Host: localhost",
        "Sec-WebSocket-Extensions: permessage-deflate",
        "Sec-WebSocket-Protocol: chat",
    )
    assert status == 101
    assert "Sec-WebSocket-Extensions" not in head and "Sec-WebSocket-Protocol" not in head
    line.close()


RIGHT = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


@pytest.mark.parametrize(
    ("request_line", "changed", "status"),
    [
        (f"GET {WEBSOCKET} HTTP/1.1", {"Upgrade": "WebSocket", "Connection": "x, upgrade"}, 101),
        (f"GET {WEBSOCKET} HTTP/1.1", {"Upgrade": ""}, 400),
        (f"GET {WEBSOCKET} HTTP/1.1", {"Upgrade": "h2c"}, 400),
        (f"GET {WEBSOCKET} HTTP/1.1", {"Connection": "close"}, 426),
        (f"GET {WEBSOCKET} HTTP/1.1", {"Sec-WebSocket-Version": "8"}, 426),
        (f"GET {WEBSOCKET} HTTP/1.1", {"Sec-WebSocket-Version": ""}, 400),
        (f"GET {WEBSOCKET} HTTP/1.1", {"Sec-WebSocket-Key": ""}, 400),
        (f"GET {WEBSOCKET} HTTP/1.1", {"Sec-WebSocket-Key": "AAAA"}, 400),
        (f"GET {WEBSOCKET} HTTP/1.1", {"Sec-WebSocket-Key": "?" * 24}, 400),
        (f"GET {WEBSOCKET} HTTP/1.0", {}, 400),
        (f"POST {WEBSOCKET} HTTP/1.1", {"Content-Length": "0"}, 400),
    ],
)  # fmt: skip
def test_a_wrong_handshake_is_refused(
    bare: Bare, request_line: str, changed: dict[str, str], status: int
) -> None:
    headers = [f"{name}: {value}" for name, value in (RIGHT | changed).items() if value]
    line, told, head = ask(bare, request_line, *headers)
    assert told in ({400, 426} if status == 426 else {status}), head
    if told == 426:
        assert "Sec-WebSocket-Version: 13" in head or "Upgrade" in head
    line.close()


def test_what_comes_right_behind_the_handshake_is_read(bare: Bare) -> None:
    """The client sends one and a half frames together with the handshake, and the other half later."""
    whole = frame(b"40") + frame(ECHO)
    client = Socket(bare, behind=whole[:-3], stranger=True)
    assert client.text().startswith("40{")
    client.line.sendall(whole[-3:])
    assert received(client.line) == ECHOED
    client.close()


# ---- frames (section 5)

LONG = b"\xff" + (1 << 63).to_bytes(8)  # a length whose first bit must not be set
WRONG: dict[str, tuple[bytes, set[int]]] = {
    "5.1: no mask": (frame(ECHO, mask=None), PROTOCOL_ERROR),
    "5.2: first bit": (frame(ECHO, reserved=4), PROTOCOL_ERROR),
    "5.2: second bit": (frame(ECHO, reserved=2), PROTOCOL_ERROR),
    "5.2: third bit": (frame(ECHO, reserved=1), PROTOCOL_ERROR),
    "5.2: a bit in a ping": (frame(b"", PING, reserved=4), PROTOCOL_ERROR),
    "5.2: length": (b"\x81" + LONG, {1002, 1009}),
    **{f"5.2: opcode {n}": (frame(b"", n), PROTOCOL_ERROR) for n in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "5.4: nothing to go on with": (frame(ECHO, CONTINUATION), PROTOCOL_ERROR),
    "5.4: nothing to go on with, not final": (frame(ECHO, CONTINUATION, fin=False), PROTOCOL_ERROR),
    "5.4: text within a message": (frame(ECHO, fin=False) + frame(ECHO), PROTOCOL_ERROR),
    "5.4: bytes within a message": (frame(ECHO, fin=False) + frame(b"x", BINARY), PROTOCOL_ERROR),
    "5.4: nothing more to go on with": (
        frame(b"4", fin=False) + frame(b'2["x"]', CONTINUATION) + frame(b"", CONTINUATION),
        PROTOCOL_ERROR,
    ),
    "5.5: ping in fragments": (frame(b"x", PING, fin=False), PROTOCOL_ERROR),
    "5.5: pong in fragments": (frame(b"x", PONG, fin=False), PROTOCOL_ERROR),
    "5.5: close in fragments": (frame(b"", CLOSE, fin=False), PROTOCOL_ERROR),
    "5.5: ping of 126 bytes": (frame(b"x" * 126, PING), PROTOCOL_ERROR),
    "5.5: pong of 126 bytes": (frame(b"x" * 126, PONG), PROTOCOL_ERROR),
    "5.5: close of 126 bytes": (frame(b"\x03\xe8" + b"x" * 124, CLOSE), PROTOCOL_ERROR),
    "5.5: ping of 70,000 bytes": (frame(b"x" * 70_000, PING), {1002, 1009}),
    "5.5.1: close with half a code": (frame(b"\x03", CLOSE), PROTOCOL_ERROR),
    **{f"7.4: code {n}": (close(n), PROTOCOL_ERROR)
       for n in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)},
    "8.1: a reason that is not UTF-8": (close(1000, b"\xff"), EITHER),
    "8.1: no UTF-8": (frame(b'42["echo","\xff"]'), INVALID_DATA),
    "8.1: half a character": (frame(b'42["echo","\xc3'), INVALID_DATA),
    "8.1: a surrogate": (frame(b'42["echo","\xed\xa0\x80"]'), INVALID_DATA),
    "8.1: an overlong slash": (frame(b'42["echo","\xc0\xaf"]'), INVALID_DATA),
    "8.1: beyond Unicode": (frame(b'42["echo","\xf4\x90\x80\x80"]'), INVALID_DATA),
    "8.1: no UTF-8 in fragments": (
        frame(b'42["echo","\xc3', fin=False) + frame(b'(\xa9"]', CONTINUATION),
        INVALID_DATA,
    ),
    "too large": (frame(b"", announced=LIMIT + 1), TOO_BIG),
    "far too large": (frame(b"", announced=1 << 62), TOO_BIG),
    "too large in fragments": (
        frame(b"x" * LIMIT, fin=False) + frame(b"x", CONTINUATION),
        TOO_BIG,
    ),
    "too large in many fragments": (
        frame(b"", fin=False) + frame(b"x" * 999, CONTINUATION, fin=False) * 101,
        TOO_BIG,
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", WRONG)
def test_a_frame_that_breaks_a_rule_closes_the_connection(client: Socket, rule: str) -> None:
    """The server sends nothing after its close frame."""
    wrong, codes = WRONG[rule]
    client.line.sendall(wrong + frame(ECHO) + frame(b"late"))
    opcode, payload = received(client.line)
    assert opcode == CLOSE and int.from_bytes(payload[:2]) in codes, payload
    assert payload[2:].decode().isprintable()
    client.line.sendall(frame(payload[:2], CLOSE))
    assert client.line.recv(1) == b""


@pytest.mark.parametrize("rule", WRONG)
def test_nothing_behind_such_a_frame_is_acted_on(bare: Bare, client: Socket, rule: str) -> None:
    """Section 7.1.7. Otherwise, somebody else would receive it."""
    listener = Socket(bare)
    wrong, _ = WRONG[rule]
    client.line.sendall(wrong + frame(b'42["say","late"]'))
    client.code()
    listener.say('421["echo","on time"]')
    assert listener.text() == '431["on time"]'
    listener.close()


@pytest.mark.parametrize(
    "payload", [b"", *(n.to_bytes(2) for n in (1000, 1001, 1003, 1007, 1012, 3000, 4999)),
                (1000).to_bytes(2) + b"x" * 123, (1000).to_bytes(2) + "Auf später".encode()]
)  # fmt: skip
def test_a_goodbye_of_the_client_is_answered_with_its_code(client: Socket, payload: bytes) -> None:
    """Section 5.5.1. The server ignores everything that the client sends after it, even a ping."""
    client.line.sendall(frame(payload, CLOSE) + frame(ECHO) + frame(b"", PING))
    opcode, answer = received(client.line)
    assert opcode == CLOSE and answer[:2] == payload[:2]
    assert client.line.recv(1) == b""  # the server closes the connection first (section 7.1.1)


def test_the_server_says_goodbye_and_waits_for_the_answer(client: Socket) -> None:
    """After its close frame, the server answers only pings (section 5.5.2)."""
    client.say('42["end"]')
    assert client.code() == 1000
    client.line.sendall(frame(ECHO) + frame(b"", PING) + frame(ECHO) + close(1000))
    assert received(client.line) == (PONG, b"")
    assert client.line.recv(1) == b""


def test_a_client_that_does_not_answer_the_goodbye_is_cut_off(client: Socket) -> None:
    client.say('42["end"]')
    assert client.code() == 1000
    began = time.monotonic()
    assert is_ended(client.line, 3)
    assert within(time.monotonic() - began, 2)


@pytest.mark.parametrize("payload", [b"", b"x", bytes(range(125))])
def test_a_ping_is_answered_with_its_payload(client: Socket, payload: bytes) -> None:
    client.line.sendall(frame(payload, PING, mask=b"\x01\x02\xff\x00"))
    assert received(client.line) == (PONG, payload)


def test_a_pong_that_nobody_asked_for_is_ignored(client: Socket) -> None:
    """Section 5.5.3."""
    client.line.sendall(frame(b"x", PONG) + frame(ECHO))
    assert received(client.line) == ECHOED


def test_masks_are_removed(client: Socket) -> None:
    for _ in range(20):
        client.line.sendall(frame('421["echo","blåbærgrød 🫐"]'.encode(), mask=os.urandom(4)))
        assert received(client.line)[1].decode().startswith('431["bl')


def test_frames_come_byte_by_byte(client: Socket) -> None:
    client.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in frame(b"p", PING) + frame(ECHO[:5], fin=False) + frame(ECHO[5:], CONTINUATION):
        client.line.sendall(bytes([byte]))
    assert received(client.line) == (PONG, b"p")
    assert received(client.line) == ECHOED


def test_frames_within_a_message(client: Socket) -> None:
    """Section 5.4: control frames may come between fragments. Fragments may be empty, or split UTF-8."""
    text = '421["echo","ä🫐"]'.encode()
    pieces = [frame(b"", fin=False)]
    pieces += [frame(bytes([byte]), CONTINUATION, fin=False) for byte in text]
    pieces.insert(7, frame(b"one", PING))
    pieces.insert(14, frame(b"two", PING) + frame(b"", PONG))
    client.line.sendall(b"".join(pieces) + frame(b"", CONTINUATION))
    assert received(client.line) == (PONG, b"one")
    assert received(client.line) == (PONG, b"two")
    assert received(client.line) == (TEXT, '431["ä🫐"]'.encode())


@pytest.mark.parametrize("pieces", [1, 2, 7, 1000])
def test_a_message_of_exactly_the_limit_is_read(client: Socket, pieces: int) -> None:
    """A ping in between does not count towards the limit."""
    start, end = b'421["echo","', b'"]'
    whole = start + b"x" * (LIMIT - len(start) - len(end)) + end
    size = -(-LIMIT // pieces)
    for at in range(0, LIMIT, size):
        opcode = CONTINUATION if at else TEXT
        client.line.sendall(frame(whole[at : at + size], opcode, fin=at + size >= LIMIT))
        if at == 0:
            client.line.sendall(frame(b"between", PING))
    got = sorted([received(client.line), received(client.line)])
    assert got[1] == (PONG, b"between")
    assert len(got[0][1]) == LIMIT - len('["echo",') + len("[")


@pytest.mark.parametrize("count", [FEW, pytest.param(MILLION, marks=pytest.mark.long)])
def test_empty_fragments_cost_nobody_else_anything(bare: Bare, count: int) -> None:
    """A message can contain any number of them."""
    client = Socket(bare)
    client.line.settimeout(120)
    with Watch(bare) as watch:
        client.line.sendall(frame(ECHO, fin=False))
        some = frame(b"", CONTINUATION, fin=False) * 1000
        for _ in range(count // 1000):
            client.line.sendall(some)
        client.line.sendall(frame(b"", CONTINUATION))
        assert received(client.line) == ECHOED
    assert watch.growth < GROWTH and within(watch.slowest, PROMPT / 2)
    client.close()


@pytest.mark.parametrize("what", ["pings", "events"])
@pytest.mark.parametrize("thousands", [4, pytest.param(30, marks=pytest.mark.long)])
def test_a_client_that_never_pauses_leaves_turns_to_others(
    bare: Bare, what: str, thousands: int
) -> None:
    client = Socket(bare)
    some = (frame(b"", PONG) if what == "pings" else frame(b'42["echo"]')) * 1000
    with Watch(bare) as watch:
        for _ in range(thousands):
            client.line.sendall(some)
        client.line.sendall(frame(b"", PING))
        assert received(client.line)[0] == PONG
    assert within(watch.slowest, PROMPT / 2)
    client.close()


def test_many_who_send_large_events_leave_turns_to_others(bare: Bare) -> None:
    """Each event takes ten milliseconds to parse, and each client sends few of them in a row."""
    clients = [Socket(bare) for _ in range(12)]
    event = frame(b'42["unknown"' + b",[[[]]]" * (LIMIT // 7 - 10) + b"]")
    with Watch(bare) as watch:
        for client in clients:
            client.line.sendall(event * 4 + frame(b"", PING))
        assert [received(client.line)[0] for client in clients] == [PONG] * len(clients)
    assert within(watch.slowest, PROMPT / 2)
    for client in clients:
        client.close()


# ---- what is sent


@pytest.mark.parametrize("size", [0, 100, 110, 125, 126, 65_000, 65_520, 65_535, 65_536, 99_000])
def test_a_message_of_any_length_has_the_shortest_head(bare: Bare, size: int) -> None:
    client = Socket(bare)
    client.say(f'42["much",{size},1]')
    assert client.text() == f'42["much",[0,"{"x" * size}"]]'
    client.close()


def slow(bare: Bare) -> Socket:
    """Return a connected client with a small receive buffer in the kernel."""
    client = Socket.__new__(Socket)
    client.line = dial(bare, 16_384)
    request = [f"GET {WEBSOCKET} HTTP/1.1", *(f"{name}: {value}" for name, value in RIGHT.items())]
    client.line.sendall("\r\n".join([*request, "\r\n"]).encode())
    assert response(client.line)[0] == 101 and client.text().startswith("0{")
    client.connect()
    return client


@pytest.mark.parametrize(
    "last", [frame(ECHO) + frame(b"again", PING), close(1001)], ids=["messages", "goodbye"]
)
def test_everything_keeps_its_order_behind_what_is_unsent(bare: Bare, last: bytes) -> None:
    """Events that do not fit into the kernel's buffers, a pong, and an answer or the close frame."""
    client, other = slow(bare), Socket(bare)
    client.say('42["much",90000,9]')
    client.line.recv(1, socket.MSG_PEEK)  # the event is being handled,
    assert other.ask("echo", "next") == "next"  # and now it has been, before anything was read
    other.close()
    client.line.sendall(frame(b"behind", PING) + last)
    for number in range(9):
        assert client.text().startswith(f'42["much",[{number},"x')
    assert received(client.line) == (PONG, b"behind")
    if last.startswith(close(1001)[:1]):
        assert received(client.line) == (CLOSE, (1001).to_bytes(2))
        assert client.line.recv(1) == b""
    else:
        assert sorted([received(client.line), received(client.line)]) == [ECHOED, (PONG, b"again")]
    client.close()


def test_a_goodbye_of_the_server_comes_behind_what_is_unsent(bare: Bare) -> None:
    client = slow(bare)
    client.say('42["much",90000,9]')
    client.say('42["end"]')
    for number in range(9):
        assert client.text().startswith(f'42["much",[{number},"x')
    assert client.code() == 1000
    client.close()


def test_events_from_a_foreign_thread_arrive_in_order(bare: Bare) -> None:
    """This holds even if they do not fit into the kernel's buffers."""
    client = slow(bare)
    client.say('42["from a thread",9]')
    for number in range(9):
        assert client.text().startswith(f'42["said",[{number},"x')
    client.close()


def test_somebody_who_never_reads_is_dropped_when_too_much_waits(bare: Bare) -> None:
    client = slow(bare)
    with Watch(bare) as watch:
        client.say('42["much",90000,100]')
        assert is_ended_behind_much(client.line)
    assert watch.growth < GROWTH and within(watch.slowest, PROMPT / 2)


def is_ended_behind_much(line: socket.socket) -> bool:
    """Wait until the connection has been reset, without reading."""
    line.settimeout(ANSWER_TIMEOUT)
    give_up = time.monotonic() + 3
    while time.monotonic() < give_up:
        if line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return True
        time.sleep(0.01)
    return False


def test_somebody_who_takes_nothing_is_dropped_although_little_waits(
    serve: Callable[..., Bare],
) -> None:
    client = slow(serve("STALLED=0.5"))
    client.say(f'42["much",90000,{MOST_UNSENT // 2 // 90_000}]')
    assert is_ended_behind_much(client.line)


def test_a_flood_is_not_read_behind_a_close_frame(bare: Bare) -> None:
    """The code arrives although the client is still sending. Then the connection is closed."""
    client = Socket(bare)
    with Watch(bare) as watch:
        client.line.sendall(frame(b"", announced=600 * MB))
        passed = flood(client.line, 60 * MB)
    assert close_code(client.line) == 1009
    assert passed < 30 * MB and watch.growth < GROWTH and within(watch.slowest, PROMPT / 2)
    client.close()
