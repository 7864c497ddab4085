"""The results of `benchmarks.compare`, as figures with their spread, and in tables."""

import statistics
from collections.abc import Callable, Iterable
from typing import NamedTuple

from benchmarks.generator import Result


class Figure(NamedTuple):
    """A median, with the lowest and the highest value."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Figure":
        values = list(values)
        return cls(statistics.median(values), min(values), max(values))


Runs = list[Result]  # of one server in one cell, by round
Found = dict[str, dict[str, Runs]]  # by cell, then by server


def per_cpu_second(run: Result, window: int = 0) -> float:
    """Return how many messages clients received for each second of the server's CPU time."""
    return run.windows[window].deliveries / run.windows[window].cpu


def cost(few: Result, many: Result) -> tuple[float, float]:
    """Return the CPU time of a message and that of each of its deliveries, in microseconds.

    With more clients, a message costs more only because it has more deliveries, so the difference
    between two sizes is the cost of the deliveries.
    """
    by_size = [run.window.cpu / run.window.messages * 1e6 for run in (few, many)]
    delivery = (by_size[1] - by_size[0]) / (many.clients - few.clients)
    return by_size[0] - few.clients * delivery, delivery


def ratios(runs: Runs, base: Runs, value: Callable[[Result], float] = per_cpu_second) -> Figure:
    """Compare with another server.

    Each run is compared with the other server's run of the same round.
    """
    return Figure.of(value(one) / value(other) for one, other in zip(runs, base, strict=True))


def faults(found: Found) -> list[str]:
    """Describe each run in which a message did not arrive exactly once and in order."""
    return [
        f"{server}, {cell}: {', '.join(f'{count:,} {name}' for name, count in run.faults.items())}"
        for cell, by_server in found.items()
        for server, runs in by_server.items()
        for run in runs
        if run.faults
    ]


# ---- as text


def thousands(figure: Figure) -> str:
    return "{:.1f} ({:.1f}–{:.1f})".format(*(value / 1e3 for value in figure))


def plain(figure: Figure) -> str:
    return "{:.2f} ({:.2f}–{:.2f})".format(*figure)


def table(head: Iterable[str], rows: Iterable[tuple[str, Iterable[str]]]) -> str:
    lines = [["", *head], *([name, *cells] for name, cells in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def by_cell(found: Found, cells: list[str], show: Callable[[str, str], str]) -> str:
    """Return a table with a row for each server and a column for each cell."""
    servers = list(dict.fromkeys(server for cell in cells for server in found[cell]))
    rows = [
        (server, [show(cell, server) if server in found[cell] else "" for cell in cells])
        for server in servers
    ]
    return table(cells, rows)


def throughput(found: Found, cells: list[str]) -> str:
    return by_cell(
        found, cells, lambda cell, server: thousands(Figure.of(map(per_cpu_second, found[cell][server])))
    )  # fmt: skip


def compared(found: Found, cells: list[str], base: str) -> str:
    return by_cell(
        found, cells, lambda cell, server: plain(ratios(found[cell][server], found[cell][base]))
    )


def single(found: Found, few: str, many: str, most: str, latency: str) -> str:
    """Return the table with the cost of one message and of one client. The arguments name cells."""
    head = ["p50, ms", "p99, ms", "KiB a client", "CPU ms a connect", "CPU µs a message",
            "and µs a delivery", "bytes a delivery"]  # fmt: skip

    def values(server: str) -> list[str]:
        timed, full = found[latency][server], found[most][server]
        costs = [cost(*pair) for pair in zip(found[few][server], found[many][server], strict=True)]
        sizes = [run.window.bytes / run.window.deliveries for run in found[many][server]]
        return [
            plain(Figure.of(run.window.p50 / 1e3 for run in timed)),
            plain(Figure.of(run.window.p99 / 1e3 for run in timed)),
            plain(Figure.of(run.memory / run.clients for run in full)),
            plain(Figure.of(run.connect_cpu / run.clients * 1e3 for run in full)),
            "{:.0f} ({:.0f}–{:.0f})".format(*Figure.of(message for message, _ in costs)),
            plain(Figure.of(delivery for _, delivery in costs)),
            f"{statistics.median(sizes):.0f}",
        ]

    return table(head, [(server, values(server)) for server in found[latency]])


def slow_readers(runs_of: dict[str, Runs]) -> str:
    """Return the table with the other clients' results before and after some clients stop reading."""
    head = ["before, k/CPU-s", "after", "after : before", "p99 before, ms", "after"]

    def values(runs: Runs) -> list[str]:
        rates = [[per_cpu_second(run, window) for window in (0, 1)] for run in runs]
        return [
            *(thousands(Figure.of(rate[window] for rate in rates)) for window in (0, 1)),
            plain(Figure.of(after / before for before, after in rates)),
            *(plain(Figure.of(run.windows[n].p99 / 1e3 for run in runs)) for n in (0, 1)),
        ]

    return table(head, [(server, values(runs)) for server, runs in runs_of.items()])


def conditions(found: Found, cells: list[str]) -> str:
    """Return the table of CPU use, which shows that the server was the limit, and not the generator."""

    def show(cell: str, server: str) -> str:
        runs = found[cell][server]
        windows = [run.window for run in runs]
        busy = statistics.median(each.cpu / each.wall for each in windows)
        own = statistics.median(each.own / each.deliveries * 1e6 for each in windows)
        idle = statistics.median(each.idle / each.wall for each in windows)
        foreign = statistics.median(run.foreign for run in runs)
        frames = statistics.median(each.deliveries / each.reads for each in windows)
        return f"{busy:.0%} / {own:.1f} / {idle:.0%} / {foreign:.0%} / {frames:.1f}"

    return by_cell(found, cells, show)
