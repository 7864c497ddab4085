"""PostgreSQL stops, a line breaks, a process dies: nothing is lost, doubled or out of order."""

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.load import LOST_LINE, Crowd, Line, Sender, Sent, crowd, finish, judge
from tests.faults.mutants import Change, mutant
from tests.final_app.rig import Person, Server
from tests.needs import needs_postgres
from workshop import cluster as clusters
from workshop.cluster import Cluster

SEED = 19
DRAIN = 60.0  # seconds

# The retry of a transaction whose line broke, and the notification inside the transaction.
NO_PATIENCE: Change = ("storage/postgresql.py", "PATIENCE = 10.0", "PATIENCE = 0.0")
DEAF: Change = ("storage/notifications.py", "            self._lost()\n", "            pass\n")


@dataclass(frozen=True)
class Load:
    """How much is sent and read during a fault."""

    rate: float  # messages a second, in all
    enough: int  # acknowledged messages before the fault, and after it
    pages: int  # that each person has open
    deliveries: int  # to all pages together, at least


SMALL = Load(rate=60.0, enough=60, pages=1, deliveries=0)
LARGE = Load(rate=200.0, enough=1_600, pages=20, deliveries=100_000)
LOADS = [
    pytest.param(SMALL, id="small"),
    pytest.param(LARGE, id="100,000 deliveries", marks=pytest.mark.long),
]


@pytest.fixture(scope="module")
def durable() -> Iterator[Cluster]:
    """A server that writes to the disk before it says that it has committed."""
    needs_postgres()
    with clusters.running(durable=True) as cluster:
        yield cluster


@contextmanager
def processes(folder: Path, url: str, count: int = 2, **options: Path) -> Iterator[list[Server]]:
    servers = [Server(folder, CHAT_DATABASE_URL=url, **options) for _ in range(count)]
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(Server.start, servers))
        yield servers
    finally:
        for server in servers:
            server.stop(signal.SIGKILL)


def spread(folks: Crowd, servers: list[Server]) -> None:
    """Send the people to all processes in turn."""
    for place, person in enumerate(folks.people):
        person.server = servers[place % len(servers)]


def acknowledged(senders: list[Sender]) -> int:
    return sum(sent.acknowledged is not None for sender in senders for sent in [*sender.journal])


def more(senders: list[Sender], count: int) -> None:
    """Wait until more than `count` further messages are acknowledged."""
    enough, give_up = acknowledged(senders) + count, time.monotonic() + DRAIN
    while acknowledged(senders) <= enough:
        assert time.monotonic() < give_up, f"{count} messages took more than {DRAIN} s"
        time.sleep(0.02)


def refusals(senders: list[Sender]) -> dict[str, int]:
    found: dict[str, int] = {}
    for sender in senders:
        for code, count in sender.refused.items():
            found[code] = found.get(code, 0) + count
    return found


class Reader(threading.Thread):
    """Applies messages as a page does: the next `rev`, not an older one, and `sync` at a gap."""

    def __init__(self, person: Person, room: int) -> None:
        super().__init__(daemon=True)
        self.person, self.room = person, room
        self.applied: list[dict[str, object]] = []
        self.heard = self.gaps = 0
        self.ending = threading.Event()
        self.failure: BaseException | None = None
        self._rev = 0

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                self._read(Line(self.person))
            except (OSError, Exception) as problem:
                self.failure = problem
                time.sleep(0.1)

    def _read(self, line: Line) -> None:
        self._sync(line)
        while not self.ending.is_set():
            while line.heard:
                event, data = line.heard.popleft()
                if event == "new_message" and data["room"] == self.room:
                    self._apply(line, data)
            if line.ready(0.2):
                line.take()
        self._sync(line)
        line.close()

    def _apply(self, line: Line, message: dict[str, object]) -> None:
        rev = int(str(message["rev"]))
        if rev == self._rev + 1:
            self._rev = rev
            self.applied.append(message)
            self.heard += 1
        elif rev > self._rev:
            self.gaps += 1
            self._sync(line)

    def _sync(self, line: Line) -> None:
        while True:
            missed = line.ask("sync", {"rooms": {str(self.room): self._rev}})["rooms"][
                str(self.room)
            ]
            self.applied += missed["changes"]
            self._rev = missed["last_rev"]
            if missed["reset"]:  # too many: a page loads the room again
                stored = self.person.history(self.room)
                self.applied = [each for each in stored if each["rev"] <= self._rev]
            if not missed["more"]:
                return


def readers(folks: Crowd, load: Load) -> list[Reader]:
    found = [Reader(person, 1) for person in folks.people for _ in range(load.pages)]
    for reader in found:
        reader.start()
    return found


def end(folks: Crowd, senders: list[Sender], listening: list[Reader], load: Load) -> dict[str, int]:
    """Return what does not hold, such as {"lost": 1}; of the readers too."""
    finish(senders, DRAIN)
    time.sleep(1)
    for reader in listening:
        reader.ending.set()
        reader.join(DRAIN)
        assert not reader.is_alive(), reader.failure
    every_room = sorted({room for rooms in folks.rooms for room in rooms})
    broken = judge(folks.people[0], every_room, senders).broken
    stored = [message["id"] for message in folks.people[0].history(1)]
    for reader in listening:
        if [message["id"] for message in reader.applied] != stored:
            broken["readers"] = broken.get("readers", 0) + 1
    delivered = sum(reader.heard for reader in listening)
    print(f"\n{delivered} deliveries; refused: {refusals(senders)}; ", end="")
    print(f"gaps: {[reader.gaps for reader in listening]}")
    assert delivered >= load.deliveries
    return broken


@pytest.mark.parametrize(
    ("load", "changes", "status"),
    [
        pytest.param(SMALL, (), 201, id="small"),
        pytest.param(LARGE, (), 201, marks=pytest.mark.long, id="100,000 deliveries"),
        pytest.param(SMALL, (NO_PATIENCE,), 503, marks=pytest.mark.long, id="no patience"),
    ],
)
def test_a_restart_of_postgresql_is_a_pause(
    tmp_path: Path, durable: Cluster, load: Load, changes: tuple[Change, ...], status: int
) -> None:
    """The sockets are closed, and their people connect again. A request that has come waits."""
    options = {"code": mutant(tmp_path, *changes)} if changes else {}
    with processes(tmp_path / "data", durable.url(), **options) as servers:
        folks = crowd(servers[0])
        spread(folks, servers)
        ada = folks.people[0]
        room = ada.ask("POST", "/rooms", {"name": "Requests", "kind": "closed"})["room"]["id"]
        token = ada.token("/account")
        listening, senders = readers(folks, load), folks.senders(load.rate, SEED)
        more(senders, load.enough)
        durable.stop("immediate")
        with ThreadPoolExecutor() as pool:
            sent = pool.submit(request_message, ada, token, room)
            time.sleep(1)
            durable.start()
        assert sent.result() == status
        more(senders, load.enough)
        assert end(folks, senders, listening, load) == {}
        assert refusals(senders) == {}
        if not changes:
            assert [message["text"] for message in ada.history(room)] == ["Hello"]
            logs = [line for server in servers for line in server.log]
            assert not [line for line in logs if "Traceback" in line], logs[-60:]


def request_message(person: Person, token: str, room: int) -> int:
    """Send a message with an HTTP request, and return the status of the response."""
    return person.http.post(
        f"{person.server.url}/hooks", json={"room": room, "text": "Hello"},
        headers={"Accept": "application/json", "X-CSRFToken": token}, timeout=DRAIN,
    ).status_code  # fmt: skip


@pytest.mark.parametrize("load", LOADS)
def test_a_line_that_breaks_under_load_costs_nobody_a_message(
    tmp_path: Path, durable: Cluster, load: Load
) -> None:
    url = durable.url()
    with processes(tmp_path / "data", url) as servers:
        folks = crowd(servers[0])
        spread(folks, servers)
        listening, senders = readers(folks, load), folks.senders(load.rate, SEED)
        for _ in range(3):
            more(senders, load.enough // 2)
            cut_lines(durable, url)
        more(senders, load.enough // 2)
        assert end(folks, senders, listening, load) == {}
        assert refusals(senders) == {}


@pytest.mark.parametrize(
    ("changes", "hears"),
    [((), False), pytest.param((DEAF,), True, marks=pytest.mark.long, id="deaf without saying so")],
)
def test_who_is_removed_while_a_process_is_deaf_hears_nothing_more(
    tmp_path: Path, durable: Cluster, changes: tuple[Change, ...], hears: bool
) -> None:
    url = durable.url()
    options = {"code": mutant(tmp_path, *changes)} if changes else {}
    with processes(tmp_path / "data", url, **options) as (first, second):
        folks = crowd(first, 2)
        ada, bo = folks.people
        room = folks.rooms[1][-1]
        bo.server = second
        line, watch = Line(bo), Line(ada)
        me = next(p for p in ada.ask("GET", "/api/people")["people"] if p["username"] == "bo")
        assert second.process is not None
        second.process.send_signal(signal.SIGSTOP)
        cut_lines(durable, url)
        ada.ask("DELETE", f"/rooms/{room}/members/{me['id']}")
        second.process.send_signal(signal.SIGCONT)
        if not changes:
            assert not heard(watch, "")  # Ada's process has closed its sockets, too
            watch = Line(ada)
        said = Sent("ada", room, 1)
        assert watch.ask("new_message", said.payload())["ok"]
        assert heard(line, said.text) is hears


def test_a_message_that_is_locked_holds_up_nobody_outside_its_room(
    tmp_path: Path, durable: Cluster
) -> None:
    url = durable.url()
    with processes(tmp_path / "data", url, count=1) as (server,), durable.admin(url) as other:
        folks = crowd(server, 3)
        ada, cy = folks.people[0], folks.people[-1]
        cy.connect()
        room = ada.ask("POST", "/rooms", {"name": "Ours", "kind": "closed"})["room"]["id"]
        said = ada.ask("POST", "/hooks", {"room": room, "text": "Hello"})["message"]["id"]
        with other.transaction():
            other.execute("SELECT id FROM messages WHERE id = %s FOR UPDATE", [said])
            answer = cy.emit("react", {"id": said, "emoji": "👍", "on": True})
        assert answer["error"]["code"] == "not_found"
        cy.leave()


def heard(line: Line, text: str) -> bool:
    """Tell whether a message comes within three seconds, or before the server closes the line."""
    give_up = time.monotonic() + 3
    try:
        while time.monotonic() < give_up:
            if line.ready(0.2):
                line.take()
    except LOST_LINE:
        pass
    return any(event == "new_message" and data["text"] == text for event, data in line.heard)


def cut_lines(cluster: Cluster, url: str) -> None:
    """End the connection in which each process listens."""
    with cluster.admin(url) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'chat listener' AND datname = current_database()"
        )


@pytest.mark.parametrize("load", LOADS)
def test_a_kill_of_one_process_costs_nobody_a_message(
    tmp_path: Path, durable: Cluster, load: Load
) -> None:
    with processes(tmp_path / "data", durable.url()) as servers:
        folks = crowd(servers[0])
        spread(folks, servers)
        listening, senders = readers(folks, load), folks.senders(load.rate, SEED)
        more(senders, load.enough)
        servers[1].stop(signal.SIGKILL)
        more(senders, load.enough // 2)
        servers[1].start()
        more(senders, load.enough)
        assert end(folks, senders, listening, load) == {}
        assert refusals(senders) == {}
