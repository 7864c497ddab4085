"""The load generator: `load.c`, which is compiled if necessary, and the result of one run."""

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FAULTS = "lost", "doubled", "reordered", "refused", "unanswered", "gone"
PATIENCE = 200.0  # seconds for one run


class CannotMeasure(Exception):
    """The benchmark needs something that is missing, or a server or the generator has failed."""


@dataclasses.dataclass(frozen=True)
class Window:
    """A stretch of time in which messages were counted.

    `wall` is its length; `cpu` is the CPU time of the server, `own` that of the generator, and `idle`
    is how long the generator had nothing to do, all in seconds. Latencies are in microseconds.
    """

    wall: float
    cpu: float
    own: float
    idle: float
    messages: int
    deliveries: int
    bytes: int
    reads: int
    p50: int
    p99: int


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of one run. `foreign` is the share of the busier core that other programs used."""

    clients: int
    connect_cpu: float  # seconds of the server, for all clients
    memory: float  # KiB that the server has grown by, for all clients
    windows: list[Window]
    messages: int  # in the whole run
    faults: dict[str, int]
    foreign: float = 0.0

    @property
    def window(self) -> Window:
        return self.windows[0]


def compiled(name: str, folder: Path) -> Path:
    """Compile a C program of this folder, and return its path. Raises CannotMeasure."""
    if not sys.platform.startswith("linux"):
        raise CannotMeasure("The load generator needs Linux, because it uses epoll and /proc.")
    compiler = shutil.which("cc")
    if compiler is None:
        raise CannotMeasure("The load generator needs a C compiler named cc, and there is none.")
    program = folder / name
    source = str(HERE / f"{name}.c")
    done = subprocess.run(
        [compiler, "-O2", "-o", str(program), source], capture_output=True, text=True
    )
    if done.returncode:
        raise CannotMeasure(f"{source} could not be compiled: {done.stderr}")
    return program


def run(load: Path, port: int, pids: list[int], **options: Any) -> Result:
    """Run the generator. Options such as polls=True become --polls. Raises CannotMeasure."""
    words = ["--port", str(port)]
    for pid in pids:
        words += ["--pid", str(pid)]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        words += [flag] if value is True else [flag, str(value)]
    try:
        done = subprocess.run([load, *words], capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise CannotMeasure(f"The generator did not end within {PATIENCE:.0f} s.") from None
    if done.returncode:
        raise CannotMeasure(f"The generator failed: {done.stderr.strip()}")
    if done.stderr:
        print(done.stderr.strip(), file=sys.stderr)
    found = json.loads(done.stdout)
    found["windows"] = [Window(**each) for each in found["windows"]]
    counts = {name: found.pop(name) for name in FAULTS}
    faults = {name: count for name, count in counts.items() if count}
    return Result(clients=options["clients"], faults=faults, **found)


def cores() -> tuple[int, int] | None:
    """Return a core for the server and another for the generator, or None if there is only one."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[-1]) if len(usable) > 1 else None


@contextlib.contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Pin the processes that are started in this block to a core. With None, pin nothing."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
