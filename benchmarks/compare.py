"""Compare chat servers side by side: throughput, latency, memory, connections and slow readers.

    python -m benchmarks.compare                 # about 12 minutes
    python -m benchmarks.compare --quick         # one round of short runs, about 2 minutes
    python -m benchmarks.compare --keep          # and write the tables and the picture to results/

Each server is started again for each cell of the tables. In each round, all servers run one after
another, so that other programs affect all of them equally.
"""

import argparse
import contextlib
import dataclasses
import datetime
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks import bars, figures, generator, servers
from benchmarks.figures import Figure, Found
from benchmarks.generator import CannotMeasure, Result
from benchmarks.servers import Server

RESULTS = Path(__file__).parent / "results"
ROUNDS, SIZES, SECONDS = 5, [50, 200, 1000], 1.0
QUICK_SIZES, QUICK_SECONDS = [50, 200], 0.4
MOST_FOREIGN = 0.1  # share of a core that other programs may use
TRIES = 3  # for one cell
PATIENCE, QUICK_PATIENCE = 150.0, 15.0  # seconds for all repetitions together
FILES = 8192  # descriptors, for a server with many connections
NAMES = "yardstick", "stock", "wire", "chat", "node"
COLOURS = {
    "yardstick": "#b3b3b3", "stock": "#e0a458", "wire": "#6f9ae0", "chat": "#1f4fa3", "Node": "#4a9d6b"
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Cell:
    """One column of the tables: how the generator is run."""

    name: str
    options: dict[str, Any]
    has_yardstick: bool = True


class Plan:
    """The cells for these numbers of clients. A cell with only one size uses the second number."""

    def __init__(self, sizes: list[int], seconds: float) -> None:
        usual = sizes[1]
        same = {"clients": usual, "seconds": seconds}
        self.sizes = [
            Cell(f"{size:,} clients", same | {"clients": size, "senders": 4}) for size in sizes
        ]
        self.saturation = Cell(f"{usual}, 32 senders", same | {"senders": 32})
        one_sender = {"senders": 1, "polls": True}
        self.polled = [
            Cell(f"{size:,}, 1 sender, polled", same | {"clients": size} | one_sender)
            for size in sizes[1:]
        ]
        self.latency = Cell("20 a second", same | {"rate": 20, "seconds": 3 * seconds}, False)
        self.slow = Cell("slow readers", same | {"slow": 5, "bytes": 1000}, False)
        self.throughput = [*self.sizes, self.saturation, *self.polled]
        self.all = [*self.throughput, self.latency, self.slow]


class Bench:
    """Runs the cells, and repeats those in which other programs were too busy."""

    def __init__(self, load: Path, folder: Path, patience: float) -> None:
        self._load, self._log = load, folder / "server.log"
        self._cores = generator.cores()
        self._patience = patience  # seconds
        self.repeated = 0

    @property
    def cores(self) -> str:
        if self._cores is None:
            return "not pinned, because there is only one core"
        return "the server pinned to core {}, the generator to core {}".format(*self._cores)

    def measure(self, server: Server, cell: Cell) -> Result:
        """Return the run in which other programs used the least CPU time. Raises CannotMeasure."""
        began = time.monotonic()
        best = self._run(server, cell)
        took = time.monotonic() - began
        for _ in range(TRIES - 1):
            if best.foreign <= MOST_FOREIGN or best.faults or self._patience < took:
                break
            self._patience -= took
            self.repeated += 1
            best = min(best, self._run(server, cell), key=lambda run: (not run.faults, run.foreign))
        return best

    def _run(self, server: Server, cell: Cell) -> Result:
        servers_core, own_core = self._cores or (None, None)
        options = cell.options | server.options
        with contextlib.ExitStack() as stack:
            with generator.pinned(servers_core):
                running = stack.enter_context(servers.started(server, self._log))
            before = self._clocks(running.pids)
            with generator.pinned(own_core):
                run = generator.run(self._load, running.port, running.pids, **options)
            after = self._clocks(running.pids)
        return dataclasses.replace(run, foreign=foreign(before, after))

    def _clocks(self, pids: list[int]) -> list[float]:
        """Return the time, and for both cores how long they and our programs on them were busy."""
        if self._cores is None:
            return [time.monotonic()]
        by_core = psutil.cpu_times(percpu=True)
        busy = [sum(by_core[n]) - by_core[n].idle - by_core[n].iowait for n in self._cores]
        servers_own = sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)
        own = sum(psutil.Process().cpu_times()[:4])  # with the generators that have ended
        return [time.monotonic(), busy[0], servers_own, busy[1], own]


def foreign(before: list[float], after: list[float]) -> float:
    """Return the share of the busier core that programs other than the server and the generator used."""
    wall, *rest = (later - earlier for earlier, later in zip(before, after, strict=True))
    shares = [(busy - ours) / wall for busy, ours in zip(rest[::2], rest[1::2], strict=True)]
    return max([0.0, *shares])


# ---- the command


def available(names: list[str], node: Path, folder: Path) -> list[Server]:
    """Return the servers that can be measured here, and print which ones cannot."""
    found = []
    for name in names:
        try:
            if name == "yardstick":
                found.append(servers.yardstick(generator.compiled("yardstick", folder)))
            elif name == "chat":
                print("Preparing the chat: people, and a room …", file=sys.stderr)
                found.append(servers.chat(folder))
            elif name == "node":
                found.append(servers.node(node))
            else:
                found.append(servers.stock() if name == "stock" else servers.bare())
        except CannotMeasure as problem:
            print(problem, file=sys.stderr)
    return found


def measured(bench: Bench, plan: Plan, present: list[Server], rounds: int) -> Found:
    """Measure each server in each cell, for `rounds` rounds, one after another. Raises CannotMeasure."""
    found: Found = {cell.name: {} for cell in plan.all}
    began = time.monotonic()
    for number in range(1, rounds + 1):
        for cell in plan.all:
            for server in present:
                if server.name == "yardstick" and not cell.has_yardstick:
                    continue
                run = bench.measure(server, cell)
                found[cell.name].setdefault(server.name, []).append(run)
                faulty = ", ".join(f"{count} {name}" for name, count in run.faults.items())
                print(
                    f"{time.monotonic() - began:4.0f} s  round {number} of {rounds}  {cell.name:24}"
                    f" {server.name:10} {figures.per_cpu_second(run) / 1e3:6.1f} k/CPU-s,"
                    f" {run.foreign:.0%} foreign  {faulty}",
                    file=sys.stderr, flush=True,
                )  # fmt: skip
    return found


def report(found: Found, plan: Plan, present: list[Server], how: str, rounds: int) -> str:
    """Return all results as Markdown. `how` describes how they were measured."""
    names = [cell.name for cell in plan.throughput]
    base = "Node" if "Node" in found[names[0]] else [*found[plan.latency.name], *found[names[0]]][0]
    few, many, most = (cell.name for cell in (plan.sizes[0], plan.sizes[1], plan.sizes[-1]))
    size = plan.sizes[1].options["clients"]
    wrong = figures.faults(found)
    parts = [
        f"Measured on {datetime.date.today():%d %b %Y}, {rounds} round{'s' * (rounds > 1)}: {how}. "
        "Figures are medians, with the least and the most.",
        "\n".join(f"- **{server.name}**: {server.what}" for server in present),
        "**Thousands of deliveries for each second of the server’s CPU time**",
        figures.throughput(found, names),
        f"**The same figures, as a multiple of {base}’s result in the same round**",
        figures.compared(found, names, base),
        f"**One message and one client**: latency at 20 messages a second and {size} clients; memory "
        f"and connects at {most}; the cost of a message from the slope between {few} and {many}",
        figures.single(found, few, many, most, plan.latency.name),
        f"**Deliveries to {size - 5} clients, and their latency, before and after 5 other clients stop "
        "reading** (each message is 1,000 bytes long)",
        figures.slow_readers(found[plan.slow.name]),
        "**Who was busy**: the server’s share of its core / the generator’s CPU time for a delivery, in "
        "µs / the share of time in which the generator had nothing to do / the share of the busier core "
        "that other programs used / messages for each read",
        figures.conditions(found, [cell.name for cell in plan.all]),
        "\n".join(f"- **Wrong**: {line}" for line in wrong)
        or "No message was lost, doubled, reordered, refused or left without an acknowledgement.",
    ]
    return "\n\n".join(parts) + "\n"


def picture(found: Found, plan: Plan) -> str:
    values = {
        cell.name: {
            server: Figure.of(figures.per_cpu_second(run) / 1e3 for run in runs)
            for server, runs in found[cell.name].items()
        }
        for cell in plan.throughput
    }
    shown = {name: colour for name, colour in COLOURS.items() if name in values[plan.sizes[0].name]}
    note = "thousands for each second of the server’s CPU time; the line spans all rounds"
    return bars.draw(values, "Deliveries", note, shown, key=bars.key(shown))


def main() -> int:
    options = _options()
    servers.DISK.mkdir(exist_ok=True)
    seconds, patience = (QUICK_SECONDS, QUICK_PATIENCE) if options.quick else (SECONDS, PATIENCE)
    plan = Plan(options.clients, seconds)
    with tempfile.TemporaryDirectory(prefix="compare-", dir=servers.DISK) as name:
        folder = Path(name)
        try:
            bench = Bench(generator.compiled("load", folder), folder, patience)
            _raise_descriptors()
            present = available(options.servers, options.node, folder)
            if not present:
                return 2
            found = measured(bench, plan, present, options.rounds)
        except CannotMeasure as problem:
            print(problem, file=sys.stderr)
            return 2
    how = f"{bench.cores}; {bench.repeated} runs were repeated"
    told = report(found, plan, present, how, options.rounds)
    print(told)
    if options.keep:
        (RESULTS / "compare.md").write_text(told, encoding="utf-8")
        (RESULTS / "compare.svg").write_text(picture(found, plan), encoding="utf-8")
    return int(bool(figures.faults(found)))


def _raise_descriptors() -> None:
    """Give the servers, which inherit this limit, a descriptor for each connection."""
    process = psutil.Process()
    soft, hard = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (min(max(soft, FILES), hard), hard))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare chat servers side by side.")
    parser.add_argument("--rounds", type=int, help=f"default: {ROUNDS}, or 1 with --quick")
    parser.add_argument(
        "--clients", type=_sizes, help="numbers of clients, at least two (default: 50,200,1000)"
    )
    parser.add_argument("--servers", type=_names, default=list(NAMES), help=",".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="measure once, and briefly")
    parser.add_argument("--keep", action="store_true", help=f"write to {RESULTS.name}/")
    parser.add_argument(
        "--node", type=Path, default=servers.NODE_FOLDER, metavar="FOLDER",
        help="folder with Node's packages (default: %(default)s)",
    )  # fmt: skip
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else ROUNDS)
    options.clients = options.clients or (QUICK_SIZES if options.quick else SIZES)
    return options


def _sizes(text: str) -> list[int]:
    sizes = sorted({int(word) for word in text.split(",")})
    if len(sizes) < 2 or sizes[1] < 37:
        raise argparse.ArgumentTypeError("expected two numbers or more, the second at least 37")
    return sizes


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(NAMES):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return names


if __name__ == "__main__":
    sys.exit(main())
