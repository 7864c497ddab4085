"""What a connection costs the server, and how soon five hundred pages are back after a kill -9.

    .venv/bin/python -m benchmarks.herd
    .venv/bin/python -m benchmarks.herd --code ../before   # also measure another folder's final_app

The command alternates between two chats, one with 50 people and one with 1,000. Everybody is in ten
open rooms and one direct room. The clients write WebSocket frames by hand, so that the server is the
limit. The operating system reports the server's CPU time.

The rows of the table add up: the first is a page that only connects, and the third is a client that
always asks for everything. A real page asks for more than the first row only if something has changed.
"""

import argparse
import base64
import http.client
import json
import os
import resource
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.bars import spread
from final_app.realtime.handlers import PROTOCOL
from tests.final_app.rig import Server

SIZES = 50, 1000  # people
ROUNDS = 8
CONNECTS = 100  # in a round
WARM_UP = 100  # connects that do not count
HERD = 500  # clients
RETURNS = 5  # times that the server is killed
PATIENCE = 60.0  # seconds until all are back
GOAL_CONNECTS, GOAL_BACK, GOAL_HEALTH = 400, 3.0, 0.5  # per CPU second, seconds, seconds
READ = 65_536  # bytes
AGENT = "Mozilla/5.0"  # as a page's browser says
ROOT = Path(__file__).parent.parent

# Run in the folder of the code that is measured, so it uses only what both versions have.
PREPARE = """
import hashlib, sys
from final_app import config, create_app
from final_app.accounts import accounts, passwords
from final_app.chat import messages, rooms
from final_app.storage import database
from final_app.storage.models import db

passwords.hash_password = lambda password: "none"
app = create_app(config.read({"CHAT_DATA_DIR": sys.argv[1]}))
with app.app_context():
    database.upgrade()
    ada = accounts.bootstrap("ada", "correct horse battery")
    places = [1, *(rooms.create(ada, f"Room {number}", "open") for number in range(9))]
    for room in places:
        for number in range(20):
            messages.post(ada, room, f"00000000-0000-4000-8000-{room:06}{number:06}", "Hello")
    def run(statement, rows):
        db.session.connection().exec_driver_sql(statement, rows)
    now, others = "2026-11-22 18:00:00.000000", range(2, int(sys.argv[2]) + 1)
    run("INSERT INTO users (id, username, name, password_hash, role, status, created_at) "
        "VALUES (?, ?, ?, '', 'member', 'active', ?)",
        [(user, f"person{user}", f"Person {user}", now) for user in others])
    member = "INSERT INTO memberships (room_id, user_id, role, last_read_seq, notify) " \\
             "VALUES (?, ?, 'member', ?, 'all')"
    run(member, [(room, user, 15) for user in others for room in places])
    directs = {user: 1000 + user for user in others}
    run("INSERT INTO rooms (id, slug, name, kind, dm_key, last_seq, last_rev, created_at) "
        "VALUES (?, ?, '', 'direct', ?, 0, 0, ?)",
        [(room, f"dm-1-{user}", f"1:{user}", now) for user, room in directs.items()])
    run(member, [(room, each, 0) for user, room in directs.items() for each in (1, user)])
    run("INSERT INTO sessions (user_id, token_hash, user_agent, address, created_at, seen_at) "
        "VALUES (?, ?, '', '', ?, datetime('now'))",
        [(user, hashlib.sha256(f"token-{user}".encode()).hexdigest(), now) for user in others])
    db.session.commit()
"""


# ---- a client


class Client:
    """A page's socket, which writes WebSocket frames by hand. It never blocks if `waits` is false."""

    def __init__(self, port: int, user: int, *, waits: bool = True) -> None:
        self.user = user
        self.welcome: dict[str, Any] = {}
        self.answers = 0
        self.socket = socket.socket()
        self.socket.setblocking(waits)
        self._port = port
        self._data = b""
        self._upgraded = False
        if waits:
            self.socket.connect(("127.0.0.1", port))
            self.greet()
        else:
            self.socket.connect_ex(("127.0.0.1", port))

    def greet(self) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\nCookie: chat_session=token-{self.user}\r\n"
            f"User-Agent: {AGENT}\r\n\r\n".encode()
        )

    def send(self, packet: str) -> None:
        data = packet.encode()
        size = len(data)
        head = bytes([0x80 | size]) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
        self.socket.sendall(b"\x81" + head + bytes(4) + data)  # a mask of zeros changes nothing

    def read(self) -> None:
        """Read the available data. Raises ConnectionError if the connection has ended."""
        data = self.socket.recv(READ)
        if not data:
            raise ConnectionError
        self._data += data
        if not self._upgraded:
            head, found, rest = self._data.partition(b"\r\n\r\n")
            if not found:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._upgraded, self._data = True, rest
        for packet in self._packets():
            self._take(packet)

    def until(self, holds: Callable[[], Any]) -> None:
        while not holds():
            self.read()

    def ask(self, *packets: str) -> None:
        """Send events, and wait for the same number of acknowledgements."""
        awaited = self.answers + len(packets)
        for packet in packets:
            self.send(packet)
        self.until(lambda: self.answers >= awaited)

    def _packets(self) -> Iterator[bytes]:
        while len(self._data) >= 2:
            size, start = self._data[1] & 127, 2
            if size > 125:
                start = 4 if size == 126 else 10
                size = int.from_bytes(self._data[2:start], "big")
            if len(self._data) < start + size or start > len(self._data):
                return
            yield self._data[start : start + size]
            self._data = self._data[start + size :]

    def _take(self, packet: bytes) -> None:
        if packet.startswith(b"0"):
            self.send(f'40{{"protocol":{PROTOCOL}}}')
        elif packet == b"2":
            self.send("3")
        elif packet.startswith(b'42["welcome"'):
            self.welcome = json.loads(packet[2:])[1]
        elif packet.startswith(b"43"):
            self.answers += 1
        assert not packet.startswith(b"44"), packet


# ---- what a connection costs


def connect(server: Server, user: int) -> None:
    """Open a socket, wait for `welcome`, and disconnect."""
    client = Client(server.port, user)
    client.until(lambda: client.welcome)
    client.send("41")
    client.socket.close()


def come_back(server: Server, user: int) -> None:
    """Connect, and send `sync`, although nothing was missed."""
    client = Client(server.port, user)
    client.until(lambda: client.welcome)
    client.ask('420["sync",{"rooms":{"1":20}}]')
    client.send("41")
    client.socket.close()


class People:
    """Connects, sends `sync`, and requests the list of people over a connection that stays open."""

    def __init__(self, *, keeps: bool) -> None:
        self._keeps = keeps
        self._lines: dict[int, http.client.HTTPConnection] = {}
        self._tags: dict[int, str] = {}

    def __call__(self, server: Server, user: int) -> None:
        come_back(server, user)
        line = self._lines.setdefault(
            server.port, http.client.HTTPConnection("127.0.0.1", server.port)
        )
        tag = self._tags.get(server.port, "") if self._keeps else ""
        headers = {"Cookie": f"chat_session=token-{user}", "If-None-Match": tag}
        line.request("GET", "/api/people", headers=headers)
        answer = line.getresponse()
        answer.read()
        assert answer.status in (200, 304), answer.status
        self._tags[server.port] = answer.headers.get("ETag", "")


PAGE, ALL = "connect, to `welcome`", "and the list of people, unchanged (304)"
WAYS: dict[str, Callable[[Server, int], None]] = {
    PAGE: connect,
    "and `sync`, nothing missed": come_back,
    ALL: People(keeps=True),
    "and the list of people, complete": People(keeps=False),
}


def cost(server: Server, people: int, way: Callable[[Server, int], None], count: int) -> float:
    """Return the server's CPU time for one connection, in milliseconds."""
    assert server.process
    process = psutil.Process(server.process.pid)
    before = sum(process.cpu_times()[:2])
    for number in range(count):
        way(server, 2 + number % (people - 1))
    time.sleep(0.1)  # the last one leaves
    return (sum(process.cpu_times()[:2]) - before) / count * 1e3


# ---- the herd


class Herd:
    """Clients that all connect at once, and reconnect as soon as they can."""

    def __init__(self, server: Server, count: int) -> None:
        self._server = server
        self._users = range(2, count + 2)
        self._selector = selectors.DefaultSelector()
        self._waiting: set[int] = set()
        self._clients: dict[int, Client] = {}

    def gather(self) -> float:
        """Connect everybody. Return the seconds until the last client has its rooms."""
        began = time.monotonic()
        self._waiting = set(self._users)
        for user in self._users:
            self._begin(user)
        while self._waiting:
            assert time.monotonic() < began + PATIENCE, f"{len(self._waiting)} are not back"
            for key, events in self._selector.select(1.0):
                self._go_on(key.data, events)
        return time.monotonic() - began

    def scatter(self) -> None:
        for client in self._clients.values():
            self._selector.unregister(client.socket)
            client.socket.close()
        self._clients.clear()

    def _begin(self, user: int) -> None:
        client = self._clients[user] = Client(self._server.port, user, waits=False)
        self._selector.register(client.socket, selectors.EVENT_WRITE, client)

    def _go_on(self, client: Client, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                client.greet()
                self._selector.modify(client.socket, selectors.EVENT_READ, client)
            else:
                client.read()
        except BlockingIOError:
            return
        except OSError:  # refused, or cut off
            self._selector.unregister(client.socket)
            client.socket.close()
            self._begin(client.user)
        if client.welcome:
            self._waiting.discard(client.user)


class Health(threading.Thread):
    """Requests /healthz again and again, each time on a new connection."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.worst = 0.0  # seconds
        self.ending = threading.Event()
        self._port = port

    def run(self) -> None:
        while not self.ending.is_set():
            began = time.monotonic()
            line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
            line.request("GET", "/healthz")
            assert line.getresponse().status == 200
            line.close()
            self.worst = max(self.worst, time.monotonic() - began)


def back(server: Server, count: int) -> tuple[float, float]:
    """Kill the server and start it again. Return how long all clients took, and the slowest /healthz."""
    herd = Herd(server, count)
    herd.gather()
    server.stop(signal.SIGKILL)
    herd.scatter()
    server.start()
    health = Health(server.port)
    health.start()
    seconds = herd.gather()
    health.ending.set()
    health.join(PATIENCE)
    herd.scatter()
    return seconds, health.worst


# ---- the command


def prepared(folder: Path, code: Path, people: int) -> Server:
    """Fill a database, and start a server on it."""
    subprocess.run(
        [sys.executable, "-c", PREPARE, str(folder), str(people)], cwd=code, check=True
    )  # fmt: skip
    return Server(folder, code=code, as_shipped=True).start()


Case = tuple[Path, int]  # the folder of the code, and how many people


def table(servers: dict[Case, Server], rounds: int) -> dict[tuple[str, Case], list[float]]:
    """Measure each way of connecting to each server, alternating between the servers."""
    found: dict[tuple[str, Case], list[float]] = {}
    for (_, people), server in servers.items():
        cost(server, people, connect, WARM_UP)
    for _ in range(rounds):
        for name, way in WAYS.items():
            for case, server in servers.items():
                found.setdefault((name, case), []).append(cost(server, case[1], way, CONNECTS))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what a connection costs the server.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--returns", type=int, default=RETURNS)
    parser.add_argument("--code", type=Path, help="another folder with a final_app")
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    codes = [*([options.code.resolve()] if options.code else []), ROOT]
    cases = [(code, people) for people in SIZES for code in codes]
    with tempfile.TemporaryDirectory(prefix="chat-herd-") as name:
        servers = {
            case: prepared(Path(name) / str(place), *case) for place, case in enumerate(cases)
        }
        try:
            return report(servers, options.rounds, options.returns)
        finally:
            for server in servers.values():
                server.stop(signal.SIGKILL)


def report(servers: dict[Case, Server], rounds: int, returns: int) -> int:
    """Measure, and print the results. Return whether this version misses a goal."""
    rate = report_costs(servers, rounds)
    large = {case[0]: server for case, server in servers.items() if case[1] == max(SIZES)}
    seconds, health = report_herds(large, returns)
    return int(rate < GOAL_CONNECTS or seconds > GOAL_BACK or health > GOAL_HEALTH)


def report_costs(servers: dict[Case, Server], rounds: int) -> float:
    """Print the costs of connections. Return how many pages can connect per second of CPU time."""
    found = table(servers, rounds)
    print(f"CPU of the server, ms a connection: median (quartiles) of {rounds} rounds\n")
    print(f"| | {' | '.join(f'{people:,} {code.name}' for code, people in servers)} |")
    print("| --- |" + " --- |" * len(servers))
    for name in WAYS:
        values = [spread(found[name, case]) for case in servers]
        cells = [f"{middle:.2f} ({low:.2f}–{high:.2f})" for middle, low, high in values]
        print(f"| {name} | {' | '.join(cells)} |")
    page, everything = (
        1e3 / max(spread(found[name, (ROOT, people)])[0] for people in SIZES)
        for name in (PAGE, ALL)
    )
    print(
        f"\nConnects a second of CPU: {page:,.0f}, and {everything:,.0f} that ask for everything."
    )
    return page


def report_herds(servers: dict[Path, Server], returns: int) -> tuple[float, float]:
    """Print how herds reconnect, alternating. Return this version's worst times: back, and health."""
    herds: dict[Path, list[tuple[float, float]]] = {code: [] for code in servers}
    for _ in range(returns):
        for code, server in servers.items():
            herds[code].append(back(server, HERD))
    print(f"\n{HERD} clients after kill -9, {returns} times, from bind:")
    for code, herd in herds.items():
        seconds, health = zip(*herd, strict=True)
        print(f"{code.name}: all back after {', '.join(f'{each:.2f}' for each in seconds)} s;")
        print(f"worst /healthz {', '.join(f'{each:.2f}' for each in health)} s")
    seconds, health = zip(*herds[ROOT], strict=True)
    return max(seconds), max(health)


if __name__ == "__main__":
    sys.exit(main())
