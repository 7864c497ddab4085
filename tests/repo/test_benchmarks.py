"""The parts of `benchmarks.compare`: the generator notices every fault, and the figures are right."""

import dataclasses
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from benchmarks import compare, figures, generator
from benchmarks.figures import Figure, Found
from benchmarks.generator import Result, Window

FAULTY = 20  # the number of the message that the server treats wrongly
CLIENTS = 3  # one sends, and the faults happen to the two others


class Relay:
    """A server that sends each message to all clients, with one fault for all but the sender."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.clients: list[ServerConnection] = []
        self.count = 0
        self.held = ""

    def talk(self, client: ServerConnection) -> None:
        client.send('0{"sid":"x"}')
        assert client.recv() == "40"
        self.clients.append(client)
        client.send('40{"sid":"x"}')
        try:
            for text in client:
                self.relay(str(text), client)
        except ConnectionClosed:
            return

    def relay(self, text: str, sender: ServerConnection) -> None:
        self.count += 1
        number, data = text[2 : text.index("[")], text[text.index("[") :]
        pieces = self.pieces(f"42{data}")
        for each in self.clients:
            for piece in [f"42{data}"] if each is sender else pieces:
                each.send(piece)
        if self.fault == "gone" and self.count == FAULTY:
            victim = next(each for each in self.clients if each is not sender)
            self.clients.remove(victim)
            victim.close()
        if number and not (self.fault == "unanswered" and self.count == FAULTY):
            ok = not (self.fault == "refused" and self.count == FAULTY)
            sender.send(f"43{number}{json.dumps([{'ok': ok}])}")

    def pieces(self, text: str) -> list[str]:
        """Return what the other clients get instead of this message."""
        if self.fault == "reordered" and self.count == FAULTY + 1:
            return [text, self.held]
        if self.count != FAULTY:
            return [text]
        self.held = text
        return {"doubled": [text, text], "lost": [], "reordered": []}.get(self.fault, [text])


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not sys.platform.startswith("linux") or not shutil.which("cc"):
        pytest.skip("the load generator needs Linux and a C compiler")
    return generator.compiled("load", tmp_path_factory.mktemp("load"))


@pytest.fixture
def relay(request: pytest.FixtureRequest) -> Iterator[int]:
    """Return the port of a server with the fault that the test names."""
    with serve(Relay(request.param).talk, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join()


def run(load: Path, port: int, **more: Any) -> Result:
    options = {"clients": CLIENTS, "senders": 1, "room": 1, "warm_up": 0, "seconds": 0.3} | more
    return generator.run(load, port, [], patience=0.5, **options)


@pytest.mark.parametrize(
    "relay, faults",
    [
        ("none", {}),
        ("lost", {"lost": 2}),
        ("doubled", {"doubled": 2}),
        ("reordered", {"reordered": 2}),
        ("refused", {"refused": 1}),
        ("unanswered", {"unanswered": 1}),
    ],
    indirect=["relay"],
)
def test_the_generator_counts_each_fault(load: Path, relay: int, faults: dict[str, int]) -> None:
    found = run(load, relay)
    assert found.window.messages > 2 * FAULTY
    assert found.faults == faults


@pytest.mark.parametrize("relay", ["gone"], indirect=True)
def test_the_generator_counts_a_client_that_was_disconnected(load: Path, relay: int) -> None:
    found = run(load, relay)
    assert found.faults["gone"] == 1
    assert found.faults["lost"] == found.messages - FAULTY


@pytest.mark.parametrize("relay", ["none"], indirect=True)
def test_the_generator_sends_at_a_rate(load: Path, relay: int) -> None:
    window = run(load, relay, rate=100, bytes=200).window
    assert 0 < window.messages <= 40  # in 0.3 s; the loop that is closed sends many more
    assert 200 < window.bytes / window.deliveries < 400


@pytest.mark.parametrize("name", ["yardstick", "stock", "wire"])
def test_a_server_delivers_each_message(load: Path, tmp_path: Path, name: str) -> None:
    """The server also has a process whose CPU time and memory can be read."""
    (server,) = compare.available([name], tmp_path, tmp_path)
    bench = compare.Bench(load, tmp_path, patience=0.0)
    options = {"clients": 5, "senders": 2, "slow": 1, "warm_up": 0, "seconds": 0.5, "patience": 5}
    found = bench.measure(server, compare.Cell("five clients", options))
    assert found.faults == {}
    assert found.memory > 0
    assert [each.messages > 0 and each.cpu > 0 for each in found.windows] == [True, True]


# ---- what the runs mean


def result(clients: int, *, cpu: float) -> Result:
    """A run of one second with 100 messages. Each client costs 20 KiB and 1 ms."""
    window = Window(
        wall=1.0, cpu=cpu, own=0.25, idle=0.5, messages=100, deliveries=100 * clients,
        bytes=15_000 * clients, reads=100 * clients, p50=1000, p99=2000,
    )  # fmt: skip
    return Result(
        clients, clients * 1e-3, clients * 20.0, [window], messages=100, faults={}, foreign=0.125
    )


def test_a_figure_is_a_median_with_its_spread() -> None:
    assert Figure.of([3.0, 1.0, 5.0, 2.0]) == (2.5, 1.0, 5.0)


def test_a_ratio_is_one_of_runs_in_the_same_round() -> None:
    """In the second round, the machine was half as fast for both."""
    quick = [result(50, cpu=0.1), result(50, cpu=0.2)]
    slow = [result(50, cpu=0.4), result(50, cpu=0.8)]
    assert figures.ratios(slow, quick) == (0.25, 0.25, 0.25)


def test_the_slope_tells_a_message_from_its_deliveries() -> None:
    """There are 100 messages of 300 µs each, plus 5 µs for each delivery."""
    few, many = (result(size, cpu=100 * (300 + 5 * size) / 1e6) for size in (50, 200))
    assert figures.cost(few, many) == pytest.approx((300, 5))


def found(**faults: int) -> tuple[compare.Plan, Found]:
    plan = compare.Plan([50, 200], 1.0)
    servers = ["stock", "Node"]
    found: Found = {}
    for cell in plan.all:
        size = cell.options["clients"]
        run = result(size, cpu=0.1 + size / 1e3)
        run = dataclasses.replace(run, windows=run.windows * (2 if "slow" in cell.options else 1))
        found[cell.name] = {name: [run, run] for name in servers}
    bad = dataclasses.replace(found["200 clients"]["stock"][1], faults=faults)
    found["200 clients"]["stock"] = [found["200 clients"]["stock"][0], bad]
    return plan, found


def test_the_report_has_each_table() -> None:
    plan, runs = found()
    told = compare.report(runs, plan, [], "not pinned", 2)
    assert "| stock | 33.3 (33.3–33.3) | 66.7 (66.7–66.7) |" in told  # k deliveries a CPU second
    assert "| Node | 1.00 (1.00–1.00) | 1.00 (1.00–1.00) |" in told
    assert "| 20.00 (20.00–20.00) | 1.00 (1.00–1.00) | 1000 (1000–1000) | 10.00 " in told
    assert "30% / 12.5 / 50% / 12% / 1.0" in told
    assert "Wrong" not in told


def test_a_fault_is_reported() -> None:
    plan, runs = found(lost=2, reordered=1)
    assert figures.faults(runs) == ["stock, 200 clients: 2 lost, 1 reordered"]
    told = compare.report(runs, plan, [], "not pinned", 2)
    assert "**Wrong**: stock, 200 clients: 2 lost" in told


def test_the_picture_shows_each_server_in_each_row() -> None:
    plan, runs = found()
    picture = ElementTree.fromstring(compare.picture(runs, plan))
    bars = [each for each in picture.iter() if each.get("height") == "12"]
    assert len(bars) == 2 * len(plan.throughput)


def test_other_programs_are_what_neither_the_server_nor_the_generator_used() -> None:
    """In two seconds, the cores were busy for 1.5 and 1 s, of which our programs used 1 and 0.8 s."""
    before, after = [10.0, 5.0, 1.0, 7.0, 2.0], [12.0, 6.5, 2.0, 8.0, 2.8]
    assert compare.foreign(before, after) == pytest.approx(0.25)
