"""Compare one process on SQLite with one, two and three processes on PostgreSQL.

    python -m benchmarks.processes               # about 5 minutes
    python -m benchmarks.processes --rounds 1 --clients 50

It counts the CPU time of everything: of all processes of the chat, and of all processes of PostgreSQL.
A run of LONG seconds minus one of SHORT seconds leaves the messages alone, without starts and connects.
The database is on the disk and durable, as it is shipped.
"""

import argparse
import collections
import contextlib
import dataclasses
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks import generator, servers
from benchmarks.generator import CannotMeasure, Result
from benchmarks.servers import Server
from workshop import cluster as clusters
from workshop.cluster import find_postgres

ROUNDS, CLIENTS, SENDERS = 5, 200, 32
SHORT, LONG = 1.0, 4.0  # seconds
SAMPLE_EVERY = 0.01  # seconds
WAITS = (
    "SELECT wait_event_type || ' ' || wait_event FROM pg_stat_activity "
    "WHERE state = 'active' AND application_name = 'chat' AND wait_event IS NOT NULL"
)


@dataclasses.dataclass(frozen=True)
class Kind:
    """A way to run the chat: so many processes, on SQLite if `cluster` is None."""

    name: str
    processes: int
    cluster: clusters.Cluster | None


@dataclasses.dataclass(frozen=True)
class Found:
    """What one pair of runs found. `waits` counts what PostgreSQL's processes waited for, in samples."""

    cpu: float  # microseconds for each delivery, everything included
    database: float  # microseconds of those that PostgreSQL used
    rate: float  # messages a second
    p50: int  # microseconds
    p99: int
    waits: collections.Counter[str]


class Bench:
    def __init__(self, load: Path, chat: Server, clients: int, folder: Path) -> None:
        self._load, self._chat, self._clients = load, chat, clients
        self._log = folder / "server.log"

    def measure(self, kind: Kind) -> Found:
        """Measure a kind once. Raises CannotMeasure, also if a message was lost or reordered."""
        (short, short_cpu, _), (long, cpu, waits) = (
            self._run(kind, each) for each in (SHORT, LONG)
        )
        deliveries = (long.messages - short.messages) * self._clients
        used = [1e6 * (b - a) / deliveries for a, b in zip(short_cpu, cpu, strict=True)]
        window = long.window
        rate = window.messages / window.wall
        return Found(sum(used), used[1], rate, window.p50, window.p99, waits)

    def _run(
        self, kind: Kind, seconds: float
    ) -> tuple[Result, tuple[float, float], "collections.Counter[str]"]:
        server = self._server(kind)
        with servers.started(server, self._log) as running, sampled(kind.cluster) as waits:
            self._wait_for(kind.processes)
            before = spent(running.pids[0]), spent(kind.cluster and kind.cluster.pid)
            result = generator.run(
                self._load, running.port, running.pids, clients=self._clients, senders=SENDERS,
                seconds=seconds, **server.options,
            )  # fmt: skip
            after = spent(running.pids[0]), spent(kind.cluster and kind.cluster.pid)
        if result.faults:
            raise CannotMeasure(f"{kind.name}: {result.faults}")
        return result, (after[0] - before[0], after[1] - before[1]), waits

    def _wait_for(self, processes: int) -> None:
        """Wait until all processes that share the port serve it."""
        while processes > 1 and self._log.read_text().count("is ready") < processes:
            time.sleep(0.1)

    def _server(self, kind: Kind) -> Server:
        if kind.cluster is None:
            return self._chat
        url = kind.cluster.url(template=TEMPLATE)
        more = ["--workers", str(kind.processes)] if kind.processes > 1 else []
        return dataclasses.replace(
            self._chat,
            command=[*self._chat.command, *more],
            environment=self._chat.environment | {"CHAT_DATABASE_URL": url},
        )


def spent(pid: int | None) -> float:
    """Return the CPU time of a process and of all below it, in seconds."""
    if pid is None:
        return 0.0
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    total = 0.0
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:2])
    return total + sum(family[0].cpu_times()[2:4])  # and of those that have ended


@contextlib.contextmanager
def sampled(cluster: clusters.Cluster | None) -> Iterator["collections.Counter[str]"]:
    """Count what the chat's connections to PostgreSQL wait for while they are busy."""
    found: collections.Counter[str] = collections.Counter()
    done = threading.Event()

    def sample() -> None:
        assert cluster
        with cluster.admin() as admin:
            while not done.wait(SAMPLE_EVERY):
                found.update(str(row[0]) for row in admin.execute(WAITS).fetchall())

    thread = threading.Thread(target=sample)
    if cluster:
        thread.start()
    try:
        yield found
    finally:
        done.set()
        if cluster:
            thread.join()


TEMPLATE = "chat_template"  # a database with the same people and the same room as in SQLite


def prepared(folder: Path, cluster: clusters.Cluster) -> Server:
    """Return the chat with people and a room, in SQLite and in the template of PostgreSQL."""
    from tests.final_app import rig

    url = cluster.url(name=TEMPLATE)
    chat = servers.chat(folder)
    server = rig.Server(folder / "other", CHAT_DATABASE_URL=url).start()
    server.stop()
    source = rig.Server(folder / "data")
    for name in ("users", "rooms", "sessions", "memberships"):
        rows = [dict(row._mapping) for row in source.sql(f"SELECT * FROM {name}")]
        columns = ", ".join(rows[0])
        places = ", ".join(f":{column}" for column in rows[0])
        server.sql(f"INSERT INTO {name} ({columns}) VALUES ({places})", *rows)
    return chat


def table(found: dict[str, list[Found]]) -> str:
    lines = [
        "| | µs of CPU for each delivery | of these, PostgreSQL | × SQLite | messages a second "
        "| p50, ms | p99, ms |",
        "|---|---|---|---|---|---|---|",
    ]
    base = next(iter(found.values()))
    for name, runs in found.items():
        ratios = [run.cpu / other.cpu for run, other in zip(runs, base, strict=True)]
        cells = [
            spread([run.cpu for run in runs], 1), spread([run.database for run in runs], 1),
            spread(ratios, 2), spread([run.rate for run in runs], 0),
            spread([run.p50 / 1000 for run in runs], 1), spread([run.p99 / 1000 for run in runs], 1),
        ]  # fmt: skip
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def waits(found: dict[str, list[Found]]) -> str:
    """Return what PostgreSQL waited for, as shares of all samples in which something waited."""
    lines = []
    for name, runs in found.items():
        total = sum((run.waits for run in runs), collections.Counter[str]())
        if count := total.total():
            shares = [f"{event} {n / count:.0%}" for event, n in total.most_common(4)]
            lines.append(f"{name}: {', '.join(shares)}")
    return "\n".join(lines)


def spread(values: list[float], digits: int) -> str:
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare one process with several.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    options = parser.parse_args()
    if not find_postgres("initdb"):
        print("Install PostgreSQL first.", file=sys.stderr)
        return 2
    servers.DISK.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="processes-", dir=servers.DISK) as name,
        clusters.running(durable=True) as cluster,
    ):
        folder = Path(name)
        bench = Bench(
            generator.compiled("load", folder), prepared(folder, cluster), options.clients, folder
        )
        kinds = [Kind("SQLite, 1 process", 1, None)]
        kinds += [Kind(f"PostgreSQL, {n} process{'es' * (n > 1)}", n, cluster) for n in (1, 2, 3)]
        found: dict[str, list[Found]] = {kind.name: [] for kind in kinds}
        began = time.monotonic()
        for number in range(options.rounds):
            for kind in kinds:
                found[kind.name].append(bench.measure(kind))
                print(
                    f"{time.monotonic() - began:4.0f} s  round {number + 1}  {kind.name}  "
                    f"{found[kind.name][-1]}",
                    file=sys.stderr,
                )
    print(table(found), waits(found), sep="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
