"""What a stranger can do without logging in: send a foreign Host, or endless frames."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from werkzeug.test import Client

from tests.busy import within
from tests.final_app.rig import ANSWER_TIMEOUT, Server, application
from tests.wire.raw import (
    CLOSE,
    CONTINUATION,
    MB,
    PING,
    POLLING,
    PONG,
    PROMPT,
    TEXT,
    Watch,
    close_code,
    flood,
    frame,
    handshake,
    received,
)

EVIL = "evil.example"
NAME = "chat.example.org"
GROWTH = 4 * MB  # bytes of memory that an attack may cost; reading it would cost more


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    chat = Server(tmp_path_factory.mktemp("chat"), CHAT_HOSTS=f"{NAME}, .example.net").start()
    yield chat
    chat.stop()


# ---- hosts


def asked(server: Server, path: str, host: str, **headers: str) -> requests.Response:
    """Send a request as a browser would if `host` resolved to this machine."""
    return requests.get(
        server.url + path, headers={"Host": host, **headers}, timeout=ANSWER_TIMEOUT
    )


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
    """It changes neither the accepted names nor the accepted origins (Engine.IO trusts it)."""
    forged = {"X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "https"}
    assert asked(server, "/healthz", "localhost", **forged).ok
    assert asked(server, "/healthz", EVIL, **{"X-Forwarded-Host": "localhost"}).status_code == 400
    for origin in (f"https://{EVIL}", "https://localhost"):
        answer = asked(server, POLLING, "localhost", Origin=origin, **forged)
        assert answer.status_code == 403, origin
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
    """The line shows the name, but no control character that a terminal would obey."""
    client = Client(application(tmp_path).wsgi_app)
    for number in range(50):
        answer = client.get("/", headers={"Host": f"{number}.evil.example\x1b[31m"})
        assert answer.status_code == 400 and "\x1b" not in answer.text
    (line,) = [each.getMessage() for each in caplog.records if each.name.endswith("lib.hosts")]
    assert line.startswith(r"Rejected a request for the host name '0.evil.example\x1b[31m'")


# ---- frames

TOO_LARGE = 1009  # RFC 6455, section 7.4.1
BEFORE_CONNECT = 4_096  # bytes that an anonymous client may send
HEAD = 8  # bytes of a frame with up to 64 kB, its mask included


def connection(server: Server) -> socket.socket:
    """Return an anonymous WebSocket that has received Engine.IO's first packet."""
    line, status, _ = handshake(server, "Host: localhost")
    assert status == 101 and received(line)[1].startswith(b"0{")
    return line


@pytest.mark.parametrize(("announced", "sent"), [(600 * MB, MB), (60 * MB, 60 * MB)])
def test_a_frame_that_is_announced_too_large_is_not_read(
    server: Server, announced: int, sent: int
) -> None:
    line = connection(server)
    with Watch(server) as watch:
        line.sendall(frame(b"", announced=announced))
        passed = flood(line, sent)
        told = close_code(line)
    assert told == TOO_LARGE
    assert passed < 60 * MB
    assert watch.growth < GROWTH and within(watch.slowest, PROMPT)
    line.close()


def test_a_stranger_can_send_little(server: Server) -> None:
    """All bytes count, including those of headers and pings."""
    ping = frame(b"x" * 118, PING)
    few = BEFORE_CONNECT // len(ping)
    for sent in ([connect_packet(BEFORE_CONNECT - HEAD)], [ping] * few):
        line = connection(server)
        line.sendall(b"".join(sent))
        for _ in sent:
            assert received(line)[0] in (PONG, TEXT)
        line.sendall(frame(b"x" * 125, PING))
        assert close_code(line) == TOO_LARGE
        line.close()


def test_fragments_of_a_stranger_count_together(server: Server) -> None:
    """A ping between them does not reset the count."""
    line = connection(server)
    line.sendall(frame(b"x" * (BEFORE_CONNECT // 2), fin=False) + frame(b"ping", PING))
    assert received(line) == (PONG, b"ping")
    line.sendall(frame(b"x" * (BEFORE_CONNECT // 2), CONTINUATION))
    assert close_code(line) == TOO_LARGE
    line.close()


def connect_packet(size: int) -> bytes:
    """Return a frame with a CONNECT packet of this many bytes."""
    start, end = b'40{"pad":"', b'"}'
    return frame(start + b"x" * (size - len(start) - len(end)) + end)


def test_a_control_frame_of_more_than_125_bytes_ends_the_connection(server: Server) -> None:
    for length, opcode in ((125, PONG), (126, CLOSE)):
        line = connection(server)
        line.sendall(frame(b"x" * length, PING))
        assert received(line)[0] == opcode, length
        line.close()


def test_a_stranger_gets_no_event(server: Server) -> None:
    """The server answers CONNECT with a refusal, and an event closes the connection."""
    line = connection(server)
    line.sendall(frame(b"40") + frame(b'42["sync",{"rooms":{}}]'))
    opcode, answer = received(line)
    assert opcode == TEXT and answer.startswith(b"44")
    assert close_code(line) == 1002
    line.close()
