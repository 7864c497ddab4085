"""What one `new_message` costs the server, by part, in microseconds.

    .venv/bin/python -m benchmarks.new_message

One person sends, one message after the other, and ten sockets listen. Two servers run one after the
other: one as shipped, whose CPU time is read from the system; and one with a clock, of CPU time too,
around each part.
Nothing inside a handler waits for another greenlet, so a part's time is its own; what is inside
another measured part is taken off that one.
"""

import argparse
import functools
import importlib
import json
import os
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

MESSAGES = 2000
WARM_UP = 200  # messages that do not count
LISTENERS = 10
TIMED = "CHAT_BENCHMARK_TIMED"
TEXT = "See you at *five*, @ada, by the old mill: https://example.org/map"

# ---- in the server


PARTS = [
    ("payload: pydantic", "final_app.realtime.handlers:parse"),
    ("who is asking: session looked up", "final_app.auth:require_user"),
    ("rate limit", "final_app.lib.rate_limit:RateLimiter.count"),
    ("transaction: begin", "final_app.storage.transaction:_begin"),
    ("transaction: the rest of `post`", "final_app.chat.messages:post"),
    ("may one write here", "final_app.chat.memberships:check_writable"),
    ("next `seq` and `rev`", "final_app.chat.rooms:next_numbers"),
    ("who is named", "final_app.chat.messages:_set_text"),
    ("formatting: HTML", "final_app.chat.formatting:render"),
    ("flush: INSERT", "final_app.storage.models:db.session.flush"),
    ("commit, with fsync", "final_app.storage.models:db.session.commit"),
    ("snapshot", "final_app.chat.messages:to_dict"),
    ("emit: encode and queue for all", "final_app.storage.outbox:Outbox.deliver"),
    ("frames: write to each socket", "geventwebsocket.websocket:WebSocket.send"),
    ("contexts of Flask", "final_app.realtime.server:socketio._handle_event"),
]


def place(where: str) -> tuple[Any, str]:
    """Return the object that has a part, and the part's name in it. Raises AttributeError."""
    module, _, path = where.partition(":")
    *way, name = path.split(".")
    owner = functools.reduce(getattr, way, importlib.import_module(module))
    getattr(owner, name)
    return owner, name


class Clocks:
    """Times of the parts: each without what another part inside it took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self._inside: list[float] = []

    def around(self, part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(work)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._inside.append(0.0)
            began = time.thread_time()
            try:
                return work(*args, **kwargs)
            finally:
                took = time.thread_time() - began
                own = took - self._inside.pop()
                self.seconds[part] = self.seconds.get(part, 0.0) + own
                self.calls[part] = self.calls.get(part, 0) + 1
                if self._inside:
                    self._inside[-1] += took

        return timed


def serve(result: Path) -> int:
    """Serve as `python -m final_app` does, with a clock around each part; write what they say."""
    from gevent import monkey

    monkey.patch_all()
    from final_app import __main__ as program
    from final_app.realtime import server

    clocks = Clocks()
    for part, where in PARTS:
        owner, name = place(where)
        setattr(owner, name, clocks.around(part, getattr(owner, name)))
    attach = server.attach

    def attached(*args: Any) -> None:
        attach(*args)
        handlers = server.socketio.server.eio.handlers
        handlers["message"] = clocks.around("packet: decode, acknowledge", handlers["message"])

    server.attach = attached

    def forget() -> None:
        while not result.with_suffix(".begin").exists():
            time.sleep(0.01)
        clocks.seconds.clear()
        clocks.calls.clear()

    threading.Thread(target=forget, daemon=True).start()
    sys.argv = ["final_app", "--no-browser", "--port", "0"]
    status = program.main()
    result.write_text(json.dumps([clocks.seconds, clocks.calls]), encoding="utf-8")
    return status


# ---- in the driver


def drive(folder: Path, count: int, *, timed: bool) -> dict[str, Any]:
    """Send the messages to a server of its own; return what they took."""
    import psutil

    from tests.faults.load import Line
    from tests.final_app.rig import Person, Server

    result = folder / "result.json"
    settings = {}
    if timed:
        code = folder / "code"
        code.mkdir()
        # `python -m final_app` finds this file first, and this file starts the one in the repository
        (code / "final_app.py").write_text(
            f"import sys, pathlib; sys.path[0] = {str(Path.cwd())!r}\n"
            f"from benchmarks.new_message import serve\n"
            f"sys.exit(serve(pathlib.Path({str(result)!r})))\n",
            encoding="utf-8",
        )
        settings = {"code": code}
    server = Server(folder / "data", as_shipped=True, **settings).start()
    assert server.process
    ada = Person(server, "ada").begin()
    invite = ada.invite()
    listeners = [Line(Person(server, f"p{n}").register(invite)) for n in range(LISTENERS)]
    for listener in listeners:
        threading.Thread(target=_drain, args=[listener], daemon=True).start()
    line = Line(ada)
    process = psutil.Process(server.process.pid)
    times = []
    cpu = 0.0
    for number in range(WARM_UP + count):
        if number == WARM_UP:
            result.with_suffix(".begin").touch()
            time.sleep(0.05)
            cpu = sum(process.cpu_times()[:2])
        said = {"room": 1, "client_id": str(uuid.uuid4()), "text": TEXT}
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


def _drain(line: Any) -> None:
    try:
        while line.ws.recv():
            pass
    except Exception:
        return


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure one `new_message`, by part.")
    parser.add_argument("--messages", type=int, default=MESSAGES)
    count = parser.parse_args().messages
    os.chdir(Path(__file__).parent.parent)
    with tempfile.TemporaryDirectory(prefix="chat-new-message-") as folder:
        plain, timed = Path(folder) / "plain", Path(folder) / "timed"
        plain.mkdir()
        timed.mkdir()
        shipped = drive(plain, count, timed=False)
        parts = drive(timed, count, timed=True)
    low, middle, high = (value * 1e3 for value in statistics.quantiles(shipped["answer"], n=4))
    print(f"{count} messages, {LISTENERS} listeners and the sender's own socket\n")
    print(
        f"As shipped: {shipped['cpu']:.0f} µs of CPU a message; acknowledged after {middle:.1f} ms"
    )
    print(f"(quartiles {low:.1f}–{high:.1f} ms). With the clocks: {parts['cpu']:.0f} µs of CPU.\n")
    print("| part | µs a message | calls |\n| --- | ---: | ---: |")
    rows = sorted(parts["seconds"].items(), key=lambda row: -row[1])
    for part, seconds in rows:
        calls = parts["calls"][part] / count
        print(f"| {part} | {seconds / count * 1e6:.0f} | {calls:.1f} |")
    total = sum(parts["seconds"].values()) / count * 1e6
    rest = parts["cpu"] - total
    print(f"| the rest: gevent, reading frames, Engine.IO's writers, the clocks | {rest:.0f} | |")
    print(f"| **CPU, with the clocks** | {parts['cpu']:.0f} | |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
