"""PostgreSQL stops, a line breaks, a process dies: nothing is lost, doubled or out of order."""

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.load import LOST_LINE, Crowd, Line, Sender, Sent, crowd, finish, judge
from tests.faults.mutants import Change, mutant
from tests.final_app.rig import Person, Server
from tests.needs import needs_postgres
from workshop import cluster as clusters
from workshop.cluster import Cluster

RATE = 60.0  # messages a second, in all
SEED = 19
ENOUGH = 60  # acknowledged messages
DRAIN = 60.0  # seconds

# The retry of a transaction whose line broke, and the notification inside the transaction.
NO_PATIENCE: Change = ("storage/postgresql.py", "PATIENCE = 10.0", "PATIENCE = 0.0")
DEAF: Change = ("storage/notifications.py", "            self._lost()\n", "            pass\n")


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


def more(senders: list[Sender], count: int = ENOUGH) -> None:
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
        self.gaps = 0
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
            if not missed["more"]:
                return


def readers(folks: Crowd) -> list[Reader]:
    found = [Reader(person, 1) for person in folks.people]
    for reader in found:
        reader.start()
    return found


def end(folks: Crowd, senders: list[Sender], listening: list[Reader]) -> dict[str, int]:
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
    return broken


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ((), {}),
        pytest.param((NO_PATIENCE,), {"busy"}, marks=pytest.mark.long, id="no patience"),
    ],
)
def test_a_restart_of_postgresql_is_a_pause(
    tmp_path: Path, durable: Cluster, changes: tuple[Change, ...], seen: set[str]
) -> None:
    options = {"code": mutant(tmp_path, *changes)} if changes else {}
    with processes(tmp_path / "data", durable.url(), **options) as servers:
        folks = crowd(servers[0])
        spread(folks, servers)
        listening, senders = readers(folks), folks.senders(RATE, SEED)
        more(senders)
        durable.stop("immediate")
        time.sleep(1)
        durable.start()
        more(senders)
        broken = end(folks, senders, listening)
        print(f"\nrefused: {refusals(senders)}; gaps: {[reader.gaps for reader in listening]}")
        assert set(refusals(senders)) == set(seen)
        assert broken == {}
        if not changes:
            logs = [line for server in servers for line in server.log]
            assert not [line for line in logs if "Traceback" in line], logs[-60:]


def test_a_line_that_breaks_under_load_costs_nobody_a_message(
    tmp_path: Path, durable: Cluster
) -> None:
    url = durable.url()
    with processes(tmp_path / "data", url) as servers:
        folks = crowd(servers[0])
        spread(folks, servers)
        listening, senders = readers(folks), folks.senders(RATE, SEED)
        for _ in range(3):
            more(senders, ENOUGH // 2)
            cut_lines(durable, url)
        more(senders, ENOUGH // 2)
        assert end(folks, senders, listening) == {}
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


def test_a_kill_of_one_process_costs_nobody_a_message(tmp_path: Path, durable: Cluster) -> None:
    with processes(tmp_path / "data", durable.url()) as servers:
        folks = crowd(servers[0])
        spread(folks, servers)
        listening, senders = readers(folks), folks.senders(RATE, SEED)
        more(senders)
        servers[1].stop(signal.SIGKILL)
        more(senders, ENOUGH // 2)
        servers[1].start()
        more(senders)
        assert end(folks, senders, listening) == {}
        assert refusals(senders) == {}
