"""Each connection needs a descriptor. The chat uses as many as allowed, and warns if there are few."""

import socket
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest
import requests

from tests.final_app.rig import ANSWER_TIMEOUT, CHEAP_HASHES, Person, Server
from tests.waiting import wait_until

LIMITED = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
SHORT = "lets the chat open only"
SOFT, ENOUGH, FEW = 256, 8192, 1024
SOON = 10.0  # seconds; an idle connection is closed after 30
IDLE = 400  # connections that say nothing: more than the soft limit

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")


def started(folder: Path, hard: int) -> Server:
    server = Server(folder)
    server.program = ["-c", LIMITED.format(soft=SOFT, hard=hard) + CHEAP_HASHES]
    return server.start()


def test_the_soft_limit_is_raised_so_that_idle_connections_keep_nobody_out(tmp_path: Path) -> None:
    server = started(tmp_path, ENOUGH)
    with requests.Session() as session:
        session.trust_env = False
        idle = [connect(server) for _ in range(IDLE)]
        try:
            assert session.get(f"{server.url}/healthz", timeout=ANSWER_TIMEOUT).ok
            assert Person(server, "ada").begin().connect()["me"]["username"] == "ada"
        finally:
            for connection in idle:
                connection.close()
    server.stop()
    assert SHORT not in "\n".join(server.log)


@pytest.mark.skipif(sys.platform != "linux", reason="Other systems have only one loopback address")
def test_idle_connections_from_one_address_keep_nobody_else_out(tmp_path: Path) -> None:
    """One client wants more connections than the server can have. It gets a quarter of them."""
    server = started(tmp_path, FEW)
    idle = [connect(server) for _ in range(FEW)]
    other = HTTPConnection("127.0.0.1", server.port, timeout=SOON, source_address=("127.0.0.2", 0))
    try:
        other.request("GET", "/healthz")
        assert other.getresponse().status == 200
    finally:
        for connection in [*idle, other]:
            connection.close()
    wait_until(lambda: is_served(server))  # closed connections no longer count
    with connect(server) as strange:
        strange.sendall(b"Hello\r\n\r\n")
        assert strange.recv(100).startswith(b"HTTP/1.1 400")
    server.stop()
    log = "\n".join(server.log)
    assert f"at most {FEW // 4} connections from one address" in log
    assert "Refused a request" in log  # the other lines did not suppress this one


def test_few_descriptors_are_told_in_one_line_and_the_chat_starts(tmp_path: Path) -> None:
    server = started(tmp_path, FEW)
    assert Person(server, "ada").get("/healthz").ok
    server.stop()
    (line,) = [line for line in server.log if SHORT in line]
    assert f"{FEW:,}" in line and "LimitNOFILE" in line


def is_served(server: Server) -> bool:
    try:
        return Person(server, "ada").get("/healthz").ok
    except requests.ConnectionError:
        return False


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_TIMEOUT)
