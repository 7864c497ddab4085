"""HTTP without WebSockets: every wait has a limit, and a client that is cut off gets an answer."""

import re
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from select import select

import psutil
import pytest

from tests.busy import within
from tests.wire.raw import (
    CLOSE,
    MB,
    PROMPT,
    WEBSOCKET,
    Poller,
    Socket,
    Watch,
    ask,
    dial,
    flood,
    frame,
    is_ended,
    response,
)
from tests.wire.served import Bare

WAIT = 0.3  # seconds, instead of ten or more
LATE = 2.5  # seconds: more than WAIT, on a busy machine
DEADLINES = tuple(f"{name}={WAIT}" for name in ("IDLE", "HEADERS", "BODY", "LINGER"))
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
GROWTH = 4 * MB  # bytes of memory that an attack may cost


@pytest.fixture(scope="module")
def hasty() -> Iterator[Bare]:
    """The application with short deadlines."""
    server = Bare(*DEADLINES, "SLOWEST=1_000_000").start()
    yield server
    server.stop(signal.SIGKILL)
    assert not server.tracebacks, "\n".join(server.log)


@pytest.fixture(scope="module")
def impatient() -> Iterator[Bare]:
    """The application that quickly drops a client that does not read its answer."""
    server = Bare(f"ANSWER={WAIT}").start()
    yield server
    server.stop(signal.SIGKILL)
    assert not server.tracebacks, "\n".join(server.log)


def took(work: Callable[[], object]) -> float:
    """Return how many seconds an action takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def drip(line: socket.socket, data: bytes) -> threading.Event:
    """Send bytes slowly, one at a time, until the connection is closed or the event is set."""
    stop = threading.Event()

    def send() -> None:
        for byte in data:
            if stop.wait(0.05):
                return
            try:
                line.sendall(bytes([byte]))
            except OSError:
                return

    threading.Thread(target=send, daemon=True).start()
    return stop


def body(line: socket.socket, head: str) -> bytes:
    """Read the body of a response."""
    found = re.search(r"(?i)\r\ncontent-length: (\d+)", head)
    assert found, head
    data = b""
    while len(data) < int(found[1]):
        piece = line.recv(int(found[1]) - len(data))
        assert piece
        data += piece
    return data


def closes(head: str) -> bool:
    return "\r\nconnection: close\r\n" in head.lower()


# ---- deadlines


@pytest.mark.parametrize("asked", [0, 1])
def test_a_connection_without_a_request_is_closed(hasty: Bare, asked: int) -> None:
    """This holds at the beginning, and after a request."""
    line = dial(hasty)
    for _ in range(asked):
        line.sendall(GET + b"\r\n")
        status, head = response(line)
        assert status == 200 and body(line, head) == b"alive" and not closes(head)
    assert WAIT / 2 < took(lambda: is_ended(line)) < LATE


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\n", GET])
def test_a_request_whose_head_never_ends_is_cut_off(hasty: Bare, start: bytes) -> None:
    """This happens even though bytes arrive all the time."""
    line = dial(hasty)
    line.sendall(start)
    stop = drip(line, b"X" * 200 if start else b"GET /" + b"x" * 200)
    assert WAIT / 2 < took(lambda: is_ended(line)) < LATE
    stop.set()


@pytest.mark.parametrize("sent", [b"", b"x" * 100], ids=["nothing", "drops"])
def test_a_body_that_never_ends_is_answered_and_cut_off(hasty: Bare, sent: bytes) -> None:
    line = dial(hasty)
    line.sendall(b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
    stop = drip(line, sent)
    began = time.monotonic()
    status, head = response(line)
    stop.set()
    assert status == 408 and closes(head)
    assert WAIT / 2 < time.monotonic() - began < LATE
    assert is_ended(line, LATE)


def test_a_body_in_chunks_that_never_ends_is_cut_off(hasty: Bare) -> None:
    line = dial(hasty)
    line.sendall(
        b"POST /read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"
    )
    status, head = response(line)
    assert status == 408 and closes(head)
    assert is_ended(line, LATE)


def test_the_body_of_a_polling_request_that_never_ends_is_cut_off(hasty: Bare) -> None:
    """The answer has the form that Engine.IO's clients expect, and the session continues."""
    line, _, head = ask(
        hasty, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1", "Host: localhost"
    )
    sid = body(line, head).decode().split('"')[3]
    path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
    line, status, head = ask(
        hasty, f"POST {path} HTTP/1.1", "Host: localhost", "Content-Length: 5", behind=b"40"
    )
    assert status == 408 and closes(head)
    assert body(line, head).startswith(b'{"code": ')
    assert is_ended(line, LATE)


@pytest.mark.parametrize("path", ["/read", "polling"])
@pytest.mark.parametrize("how", ["ended", "reset"])
def test_a_body_that_breaks_off_leaves_no_traceback(bare: Bare, path: str, how: str) -> None:
    """It is an ordinary line in the access log, and not a server error."""
    if path == "polling":
        path = Poller(bare).url.removeprefix(bare.url)
    before = len(bare.log)
    line = dial(bare)
    line.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nab".encode())
    if how == "ended":
        line.shutdown(socket.SHUT_WR)
        assert response(line)[0] == 408
    else:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()
    give_up = time.monotonic() + 5
    while not any('"POST ' in each for each in bare.log[before:]):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    assert not bare.tracebacks


def test_a_long_silence_within_the_deadline_of_a_large_body_leaves_no_traceback(
    impatient: Bare,
) -> None:
    line = dial(impatient)
    line.sendall(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\nab")
    assert response(line)[0] == 408


def test_a_body_in_wrong_chunks_is_refused(bare: Bare) -> None:
    line, status, head = ask(
        bare, "POST /read HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", behind=b"xyz\r\n"
    )
    assert 400 <= status < 500 and closes(head)
    assert is_ended(line, LATE) and not bare.tracebacks


def test_a_body_that_goes_on_arriving_gets_more_time(serve: Callable[..., Bare]) -> None:
    """Each SLOWEST bytes that arrive add a second. Bytes that are only announced do not count."""
    bare = serve(f"BODY={WAIT}", "SLOWEST=250", "STEP=250")
    line = dial(bare)
    line.sendall(b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(4):
        time.sleep(WAIT * 3 / 4)  # of the pace: together they take three times as long as WAIT
        line.sendall(b"x" * 250)
    status, head = response(line)
    assert status == 200 and body(line, head) == b"1000"


def connections(server: Bare) -> int:
    """Return how many connections the server has open."""
    assert server.process
    found = psutil.Process(server.process.pid).net_connections("tcp")
    return sum(each.status not in (psutil.CONN_LISTEN, psutil.CONN_NONE) for each in found)


def test_a_client_that_takes_no_answer_is_dropped(impatient: Bare) -> None:
    before = connections(impatient)
    line = dial(impatient, 16_384)
    line.sendall(b"GET /large?size=20000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    line.recv(1)
    assert connections(impatient) > before
    began = time.monotonic()
    while connections(impatient) > before:
        assert time.monotonic() - began < LATE
        time.sleep(0.02)
    line.close()


def test_a_client_that_takes_its_answer_slowly_gets_it(impatient: Bare) -> None:
    """The deadline applies to each part of the answer, and not to the whole."""
    line = dial(impatient, 16_384)
    line.sendall(b"GET /large?size=800000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    status, _ = response(line)
    left, began = 800_000, time.monotonic()
    while left:
        piece = line.recv(min(left, 50_000))
        assert piece
        left -= len(piece)
        time.sleep(0.05)
    assert status == 200 and time.monotonic() - began > 2 * WAIT


def test_a_websocket_outlives_all_deadlines_of_requests(hasty: Bare, impatient: Bare) -> None:
    clients = [Socket(hasty), Socket(impatient)]
    time.sleep(2 * WAIT)
    for client in clients:
        assert client.ask("echo", 1) == 1
        client.close()


# ---- what is left of a body


def test_a_body_that_nobody_reads_and_that_never_comes_holds_the_connection_only_for_a_while(
    hasty: Bare,
) -> None:
    line, status, head = ask(
        hasty, "POST /ignore HTTP/1.1", "Host: localhost", "Content-Length: 1000"
    )
    assert status == 200 and body(line, head) == b"ignored"
    assert took(lambda: is_ended(line)) < LATE


@pytest.mark.parametrize(
    "length", ["Content-Length: 100000000", "Transfer-Encoding: chunked"], ids=["length", "chunks"]
)
def test_a_large_rest_of_a_body_is_dropped_for_a_while(hasty: Bare, length: str) -> None:
    """The answer says that the connection will be closed, and then it is closed."""
    with Watch(hasty) as watch:
        line, status, head = ask(hasty, "POST /ignore HTTP/1.1", "Host: localhost", length)
        assert status == 200 and closes(head)
        if "chunked" in length:
            line.sendall(b"5F5E100\r\n")
        assert flood(line, 100 * MB) < 20 * MB
    assert watch.growth < GROWTH and within(watch.slowest, PROMPT / 2)


def test_who_still_sends_a_large_body_gets_the_answer(bare: Bare) -> None:
    """If the connection were closed at once, the kernel would reset it, and the answer would be lost."""
    line = dial(bare)
    line.sendall(b"POST /ignore HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n")
    assert select([line], [], [], PROMPT)[0]  # it has answered
    for _ in range(30):
        line.sendall(b"x" * 100_000)
    status, head = response(line)
    assert status == 200 and body(line, head) == b"ignored"


def test_a_small_rest_of_a_body_is_read_to_use_the_connection_again(bare: Bare) -> None:
    post = b"POST /ignore HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n"
    line = dial(bare)
    line.sendall(post + b"x" * 5000 + GET + b"\r\n")
    for expected in (b"ignored", b"alive"):
        status, head = response(line)
        assert status == 200 and not closes(head)
        assert body(line, head) == expected


def test_many_large_bodies_leave_turns_to_others(bare: Bare) -> None:
    head = b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n"
    lines = [dial(bare) for _ in range(8)]
    with Watch(bare) as watch:
        threads = [
            threading.Thread(target=line.sendall, args=[head + b"x" * 3_000_000]) for line in lines
        ]
        for each in threads:
            each.start()
        for line in lines:
            status, answer = response(line)
            assert status == 200 and body(line, answer) == b"3000000"
    assert within(watch.slowest, PROMPT / 2)


@pytest.mark.parametrize(
    ("start", "unit"),
    [
        pytest.param(b"0\r\n", b"a: " + b"x" * 8000 + b"\r\n", id="trailers"),
        pytest.param(
            b"", b"1;" + b"x" * 8000 + b"\r\na\r\n", id="extensions", marks=pytest.mark.long
        ),
        pytest.param(b"", b"1\r\na\r\n", id="tiny chunks", marks=pytest.mark.long),
    ],
)
def test_what_surrounds_the_chunks_of_a_body_leaves_turns_to_others(
    serve: Callable[..., Bare], start: bytes, unit: bytes
) -> None:
    """Without pauses, the deadline could not pass either, and the client could send forever."""
    bare = serve("BODY=2")
    head = b"POST /read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Watch(bare) as watch, suppress(OSError):  # the server cuts the client off
        dial(bare).sendall(head + start + unit * (8 * MB // len(unit)))
    assert within(watch.slowest, PROMPT / 2)


# ---- the end of a connection is said


@pytest.mark.parametrize(
    ("version", "header", "said"),
    [
        ("1.1", "Connection: close", True),
        ("1.1", "Connection: keep-alive", False),
        ("1.0", "X: x", True),
    ],
)
def test_connection_close_is_said_when_the_connection_ends(
    bare: Bare, version: str, header: str, said: bool
) -> None:
    line, status, head = ask(bare, f"GET /healthz HTTP/{version}", "Host: localhost", header)
    assert status == 200 and body(line, head) == b"alive"
    assert closes(head) is said
    assert is_ended(line, 0.3) is said


@pytest.mark.parametrize(
    "request_line", ["GET", "GET / HTTP/9.9", "\x16\x03\x01\x02", "GET / HTTP/1.1 x"]
)
def test_what_is_no_request_ends_the_connection(bare: Bare, request_line: str) -> None:
    line = dial(bare)
    line.sendall(f"{request_line}\r\nHost: localhost\r\n\r\n".encode())
    status, head = response(line)
    assert status in (400, 505) and closes(head)
    assert is_ended(line, LATE)


# ---- access lines


def line_of_log(bare: Bare, sign: str) -> str:
    """Wait for a line in the log, and return it."""
    give_up = time.monotonic() + 5
    while not (found := [line for line in bare.log if sign in line]):
        assert time.monotonic() < give_up, bare.log
        time.sleep(0.02)
    return found[0]


def test_a_request_is_logged_without_its_query(bare: Bare) -> None:
    line, status, _ = ask(bare, "GET /nowhere?invite=secret HTTP/1.1", "Host: localhost")
    line.close()
    assert status == 404
    assert '"GET /nowhere HTTP/1.1" 404 ' in line_of_log(bare, "/nowhere")
    assert not any("secret" in each for each in bare.log)


def test_a_websocket_is_logged_when_it_ends(serve: Callable[..., Bare]) -> None:
    bare = serve()
    client = Socket(bare)
    client.line.sendall(frame(b"", CLOSE))
    assert '"GET /socket.io/ HTTP/1.1" 101 ' in line_of_log(bare, " 101 ")
    assert client.open["sid"] not in "\n".join(bare.log)
    line, status, _ = ask(
        bare, f"GET {WEBSOCKET} HTTP/1.1", "Host: localhost", "Upgrade: websocket"
    )
    assert status in (400, 426)
    assert f'"GET /socket.io/ HTTP/1.1" {status} ' in line_of_log(bare, f" {status} ")
    line.close()


def test_a_request_line_cannot_forge_the_log(bare: Bare) -> None:
    line, _, _ = ask(bare, "GET /\x1b[31mred HTTP/1.1", "Host: localhost")
    line.close()
    assert r"\x1b[31mred" in line_of_log(bare, "31mred")
    assert not any("\x1b" in each for each in bare.log)
