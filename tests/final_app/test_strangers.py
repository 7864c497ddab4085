"""What a stranger can do without logging in: send a foreign Host, or frames that have no end."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from werkzeug.test import Client

from final_app.wire.handler import LARGEST_PACKET
from tests.final_app.rig import ANSWER_TIMEOUT, Server, application

EVIL = "evil.example"
NAME = "chat.example.org"
POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
MB = 1_000_000
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
TOO_LARGE = (CLOSE, (1009).to_bytes(2))  # RFC 6455, section 7.4.1
PIECE = 65536  # bytes sent at once
PROMPT = 1.0  # seconds until somebody else is answered
GROWTH = 10 * MB  # bytes of memory that an attack may cost; reading it would cost more


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    chat = Server(tmp_path_factory.mktemp("chat"), CHAT_HOSTS=f"{NAME}, .example.net").start()
    yield chat
    chat.stop()


# ---- hosts


def asked(server: Server, path: str, host: str, **headers: str) -> requests.Response:
    """Ask as a browser does to which `host` is the name of this machine."""
    return requests.get(
        server.url + path, headers={"Host": host, **headers}, timeout=ANSWER_TIMEOUT
    )


def handshake(server: Server, *headers: str) -> tuple[socket.socket, int, str]:
    """Ask for a WebSocket; return the connection, the status, and the rest of what came."""
    line = socket.create_connection(("127.0.0.1", server.port), ANSWER_TIMEOUT)
    request = [
        f"GET {WEBSOCKET} HTTP/1.1",
        *headers,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ]
    line.sendall("\r\n".join([*request, "\r\n"]).encode())
    told = b""
    while b"\r\n\r\n" not in told:
        told += line.recv(1)
    return line, int(told.split()[1]), told.decode()


@pytest.mark.parametrize(
    "path", ["/", "/login", "/healthz", "/socketio_browser/socket.io.min.js", POLLING]
)
def test_a_page_that_rebinds_its_own_name_gets_no_answer(server: Server, path: str) -> None:
    host = f"{EVIL}:{server.port}"
    answer = asked(server, path, host, Origin=f"http://{host}")
    assert answer.status_code == 400
    assert f"the name '{host}'" in answer.text and "CHAT_HOSTS" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_a_page_that_rebinds_its_own_name_gets_no_websocket(server: Server) -> None:
    for host, status in ((EVIL, 400), (NAME, 101), (f"127.0.0.1:{server.port}", 101)):
        line, told, _ = handshake(server, f"Host: {host}", f"Origin: http://{host}")
        line.close()
        assert told == status, host


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:5000", "[::1]", "[::1]:5000", "192.0.2.7", "localhost", "LocalHost:80",
     "localhost.", "a.localhost:5000", NAME, NAME.upper(), f"{NAME}.:443", "a.b.example.net",
     socket.gethostname(), f"{socket.gethostname().partition('.')[0]}.local"],
)  # fmt: skip
def test_the_chat_answers_to_its_own_names(server: Server, host: str) -> None:
    for path in ("/healthz", POLLING):
        assert asked(server, path, host).ok


@pytest.mark.parametrize(
    "host",
    [EVIL, f"{NAME}.{EVIL}", f"a.{NAME}", "example.org", "evilexample.net", "localhost.evil.example",
     "127.0.0.1.evil.example", "localhost..", "[::1", "::1", "[evil]", "1.2.3", "localhost:x",
     f"{EVIL}@localhost", f"localhost,{EVIL}", f"{EVIL}, localhost", "", ".", ":5000", "x" * 300],
)  # fmt: skip
def test_the_chat_answers_to_no_other_name(server: Server, host: str) -> None:
    assert asked(server, "/healthz", host).status_code == 400


def test_a_request_that_names_no_host_or_two_is_refused(server: Server) -> None:
    for headers in ([], ["Host: localhost", f"Host: {EVIL}"], [f"Host: {EVIL}", "Host: localhost"]):
        line, status, _ = handshake(server, *headers)
        line.close()
        assert status == 400, headers


def test_without_a_proxy_a_forwarded_name_changes_nothing(server: Server) -> None:
    """Neither which name counts, nor which pages may open a socket (Engine.IO believes it)."""
    forged = {"X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "https"}
    assert asked(server, "/healthz", "localhost", **forged).ok
    assert asked(server, "/healthz", EVIL, **{"X-Forwarded-Host": "localhost"}).status_code == 400
    for origin in (f"https://{EVIL}", "https://localhost"):
        answer = asked(server, POLLING, "localhost", Origin=origin, **forged)
        assert answer.status_code == 400, origin
    assert asked(server, POLLING, "localhost", Origin="http://localhost", **forged).ok


def test_behind_proxies_the_name_that_they_forward_counts_as_well(tmp_path: Path) -> None:
    app = application(tmp_path, CHAT_HOSTS=NAME, CHAT_PROXY_HOPS="2")
    client = Client(app.wsgi_app)

    def status(host: str, forwarded: str) -> int:
        headers = {"Host": host, "X-Forwarded-Host": forwarded}
        return client.get("/healthz", headers=headers).status_code

    for forwarded in (f"{NAME}, proxy.local", f"{EVIL}, {NAME}, proxy.local", "proxy.local"):
        assert status("localhost", forwarded) == 200, forwarded
    for forwarded in (f"{EVIL}, proxy.local", f"{NAME}, {EVIL}, proxy.local"):
        assert status("localhost", forwarded) == 400, forwarded
    # Past the proxies, a page of evil.example can send any header but this one.
    assert status(EVIL, f"{NAME}, proxy.local") == 400


def test_with_a_star_the_chat_answers_to_every_name(tmp_path: Path) -> None:
    client = Client(application(tmp_path, CHAT_HOSTS="*").wsgi_app)
    assert client.get("/healthz", headers={"Host": EVIL}).status_code == 200


def test_a_flood_of_foreign_names_is_one_line_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The line shows the name that came, but no character that a terminal would obey."""
    client = Client(application(tmp_path).wsgi_app)
    for number in range(50):
        answer = client.get("/", headers={"Host": f"{number}.evil.example\x1b[31m"})
        assert answer.status_code == 400 and "\x1b" not in answer.text
    (line,) = [each.getMessage() for each in caplog.records if each.name.endswith("wire.hosts")]
    assert line.startswith(r"Rejected a request for the host name '0.evil.example\x1b[31m'")


# ---- frames


def connection(server: Server) -> socket.socket:
    """Return an anonymous WebSocket that has received Engine.IO's first packet."""
    line, status, _ = handshake(server, "Host: localhost")
    assert status == 101 and received(line)[1].startswith(b"0{")
    return line


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True, announced: int = 0) -> bytes:
    """Return a frame as a browser sends it; its mask of zeros leaves the payload as it is."""
    length = announced or len(payload)
    if length < 126:
        size = bytes([0x80 | length])
    else:  # the shortest form that holds the length, as RFC 6455 demands
        size = b"\xfe" + length.to_bytes(2) if length < 1 << 16 else b"\xff" + length.to_bytes(8)
    return bytes([fin << 7 | opcode]) + size + bytes(4) + payload


def received(line: socket.socket) -> tuple[int, bytes]:
    """Return the opcode and the payload of the next frame of the server."""

    def take(count: int) -> bytes:
        taken = b""
        while len(taken) < count:
            piece = line.recv(count - len(taken))
            if not piece:
                raise EOFError("the server closed the connection")
            taken += piece
        return taken

    first, length = take(2)
    if length >= 126:
        length = int.from_bytes(take(2 if length == 126 else 8))
    return first & 0x0F, take(length)


class Watch:
    """Measures what an attack costs: bytes of memory, and how long others wait for /healthz."""

    def __init__(self, server: Server) -> None:
        assert server.process
        self._process = psutil.Process(server.process.pid)
        self._url = f"{server.url}/healthz"
        self._ended = threading.Event()
        self._asks = threading.Thread(target=self._ask)
        self.slowest = 0.0  # seconds

    def __enter__(self) -> "Watch":
        requests.get(self._url, timeout=ANSWER_TIMEOUT)  # the first request loads more code
        self._before = self._most = self._process.memory_info().rss
        self._asks.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._asks.join()
        print(f"\n{self.growth / MB:.0f} MB more; others' slowest {self.slowest:.3f} s")

    @property
    def growth(self) -> int:
        return self._most - self._before

    def _ask(self) -> None:
        while True:
            began = time.monotonic()
            requests.get(self._url, timeout=120)
            self.slowest = max(self.slowest, time.monotonic() - began)
            self._most = max(self._most, self._process.memory_info().rss)
            if self._ended.is_set():
                return


def flood(line: socket.socket, size: int) -> int:
    """Send `size` bytes of payload, as far as the server reads; return how many were sent."""
    sent = 0
    piece = b"x" * PIECE
    try:
        while sent < size:
            line.sendall(piece[: size - sent])
            sent += PIECE
    except OSError:  # the server closed the connection
        pass
    return min(sent, size)


@pytest.mark.parametrize(("announced", "sent"), [(600 * MB, MB), (60 * MB, 60 * MB)])
def test_a_frame_that_is_announced_too_large_is_not_read(
    server: Server, announced: int, sent: int
) -> None:
    line = connection(server)
    with Watch(server) as watch:
        line.sendall(frame(b"", announced=announced))
        passed = flood(line, sent)
        told = received(line)
    assert told == TOO_LARGE
    assert passed < 60 * MB
    assert watch.growth < GROWTH and watch.slowest < PROMPT
    line.close()


def test_fragments_count_together(server: Server) -> None:
    """A ping between them does not begin the count again, and has no part in it."""
    line = connection(server)
    line.sendall(frame(b"x" * (LARGEST_PACKET - 1), fin=False))
    line.sendall(frame(b"ping", PING) + frame(b"x", CONTINUATION, fin=False))
    assert received(line) == (PONG, b"ping")
    line.sendall(frame(b"", CONTINUATION, announced=1))
    assert received(line) == TOO_LARGE
    line.close()


@pytest.mark.parametrize("pieces", [1, 3])
def test_the_largest_message_is_read_in_one_piece_or_in_several(
    server: Server, pieces: int
) -> None:
    """A CONNECT packet of exactly that size is answered, with a refusal: nobody is logged in."""
    start, end = b'40{"pad":"', b'"}'
    packet = start + b"x" * (LARGEST_PACKET - len(start) - len(end)) + end
    size = LARGEST_PACKET // pieces + 1
    line = connection(server)
    for at in range(0, LARGEST_PACKET, size):
        opcode = CONTINUATION if at else TEXT
        line.sendall(frame(packet[at : at + size], opcode, fin=at + size >= LARGEST_PACKET))
    opcode, answer = received(line)
    assert opcode == TEXT and answer.startswith(b"44")
    line.close()


def test_a_control_frame_of_more_than_125_bytes_ends_the_connection(server: Server) -> None:
    for length, opcode in ((125, PONG), (126, CLOSE)):
        line = connection(server)
        line.sendall(frame(b"x" * length, PING))
        assert received(line)[0] == opcode, length
        line.close()
