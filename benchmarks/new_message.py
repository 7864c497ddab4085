"""What one `new_message` costs the server, by part, in microseconds.

    .venv/bin/python -m benchmarks.new_message
    .venv/bin/python -m benchmarks.new_message --plain --listeners 10 200
    .venv/bin/python -m benchmarks.new_message --plain --listeners 10 200 --code ../other

One person sends one message after another, and some sockets listen. The servers run one after another.
For each number of listeners, there is a server as shipped, and the operating system reports its CPU
time. The difference between the first and the last number of listeners shows what a delivery costs, and
what everything else costs. With `--code`, the command alternates between the final_app of another
folder and this one.

After that, one server has a clock around each part, which also measures CPU time. Nothing inside a
handler waits for another greenlet, so the time of a part is its own. If a measured part is inside
another one, its time is subtracted from the outer one.
"""

import argparse
import json
import selectors
import statistics
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import psutil

from tests.faults.load import Line
from tests.final_app.rig import Person, Server

MESSAGES = 2000
WARM_UP = 200  # messages that do not count
LISTENERS = 10
PEOPLE = 5  # whose sockets listen
ROUNDS = 3  # if several servers take turns
READ = 1_000_000  # bytes
PING = b"\x81\x012"  # a frame
ROOT = Path(__file__).parent.parent
PLAIN = (
    "Shall we meet tomorrow at the old mill, around five or so? "
    "Please bring the map and some bread with you"
)[:100]
TEXT = "See you at *five*, @ada, by the old mill: https://example.org/map"


class Listeners(threading.Thread):
    """Sockets of a few people, which ignore the data that they receive. They answer pings."""

    def __init__(self, server: Server, invite: str, count: int) -> None:
        super().__init__(daemon=True)
        people = [Person(server, f"p{number}").register(invite) for number in range(PEOPLE)]
        self._selector = selectors.DefaultSelector()
        for number in range(count):
            line = Line(people[number % PEOPLE])
            self._selector.register(line.ws.sock, selectors.EVENT_READ, line)

    def run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                data = key.fileobj.recv(READ)  # type: ignore[union-attr]
                if not data:
                    self._selector.unregister(key.fileobj)
                elif PING in data:
                    key.data.ws.send("3")


def drive(
    folder: Path, text: str, listeners: int, count: int, *, code: Path = ROOT, timed: bool = False
) -> dict[str, Any]:
    """Send the messages to a separate server. Return the times."""
    result = folder / "result.json"
    if timed:
        code = folder / "code"
        code.mkdir()
        # `python -m final_app` finds this file first, and this file starts the one in the repository
        (code / "final_app.py").write_text(
            f"import sys, pathlib; sys.path[0] = {str(ROOT)!r}\n"
            f"from benchmarks.parts import serve\n"
            f"sys.exit(serve(pathlib.Path({str(result)!r})))\n",
            encoding="utf-8",
        )
    server = Server(folder / "data", as_shipped=True, code=code).start()
    assert server.process
    ada = Person(server, "ada").begin()
    Listeners(server, ada.invite(), listeners).start()
    line = Line(ada)
    process = psutil.Process(server.process.pid)
    times = []
    cpu = 0.0
    for number in range(WARM_UP + count):
        if number == WARM_UP:
            result.with_suffix(".begin").touch()
            time.sleep(0.05)
            cpu = sum(process.cpu_times()[:2])
        said = {"room": 1, "client_id": str(uuid.uuid4()), "text": text}
        began = time.perf_counter()
        assert line.ask("new_message", said)["ok"]
        times.append(time.perf_counter() - began)
        line.heard.clear()
    cpu = sum(process.cpu_times()[:2]) - cpu
    server.stop()
    found: dict[str, Any] = {"cpu": cpu / count * 1e6, "answer": times[WARM_UP:]}
    if timed:
        found["seconds"], found["calls"] = json.loads(result.read_text(encoding="utf-8"))
    return found


def shipped(
    folder: Path, text: str, sizes: list[int], codes: list[Path], count: int
) -> dict[tuple[Path, int], dict[str, list[float]]]:
    """Measure the servers as shipped. If there are several, alternate between them."""
    found: dict[tuple[Path, int], dict[str, list[float]]] = {}
    cases = [(code, size) for code in codes for size in sizes]
    for number in range(ROUNDS if len(cases) > 1 else 1):
        for place, (code, size) in enumerate(cases):
            own = folder / f"{number} {place}"
            own.mkdir()
            took = drive(own, text, size, count, code=code)
            kept = found.setdefault((code, size), {"cpu": [], "answer": []})
            kept["cpu"].append(took["cpu"])
            kept["answer"] += took["answer"]
    return found


def report(found: dict[tuple[Path, int], dict[str, list[float]]], count: int) -> None:
    """Print a row for each server, and the cost of a message without its deliveries."""
    print(
        f"As shipped, {count} messages one after the other, and the sender's own socket listens too\n"
    )
    print("| code | listeners | µs of CPU a message | acknowledged after ms |")
    print("| --- | ---: | ---: | ---: |")
    cpu: dict[Path, list[tuple[int, float]]] = {}
    for (code, size), took in found.items():
        low, middle, high = (value * 1e3 for value in statistics.quantiles(took["answer"], n=4))
        each = statistics.median(took["cpu"])
        cpu.setdefault(code, []).append((size, each))
        rounds = ", ".join(f"{value:.0f}" for value in took["cpu"])
        print(
            f"| {code.name} | {size} | {each:.0f} ({rounds}) | {middle:.1f} ({low:.1f}–{high:.1f}) |"
        )
    for code, points in cpu.items():
        if len(points) > 1:
            (few, least), (many, most) = points[0], points[-1]
            delivery = (most - least) / (many - few)
            besides = least - delivery * (few + 1)
            print(
                f"\n{code.name}: {delivery:.1f} µs a delivery; {besides:.0f} µs a message besides."
            )


def report_parts(parts: dict[str, Any], listeners: int, count: int) -> None:
    print(f"\nWith the clocks, {listeners} listeners\n")
    print("| part | µs a message | calls |\n| --- | ---: | ---: |")
    for part, seconds in sorted(parts["seconds"].items(), key=lambda row: -row[1]):
        calls = parts["calls"][part] / count
        print(f"| {part} | {seconds / count * 1e6:.0f} | {calls:.1f} |")
    total = sum(parts["seconds"].values()) / count * 1e6
    rest = parts["cpu"] - total
    print(f"| the rest: gevent, reading frames, the clocks | {rest:.0f} | |")
    print(f"| **CPU, with the clocks** | {parts['cpu']:.0f} | |")


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure one `new_message`, by part.")
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--plain", action="store_true", help="100 characters without markup")
    parser.add_argument("--listeners", type=int, nargs="+", default=[LISTENERS])
    parser.add_argument("--code", type=Path, help="another folder with a final_app")
    options = parser.parse_args()
    text, sizes, count = PLAIN if options.plain else TEXT, options.listeners, options.messages
    codes = [ROOT, *([options.code.resolve()] if options.code else [])]
    with tempfile.TemporaryDirectory(prefix="chat-new-message-") as name:
        report(shipped(Path(name), text, sizes, codes, count), count)
        report_parts(drive(Path(name), text, sizes[0], count, timed=True), sizes[0], count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
