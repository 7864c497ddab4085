"""Several processes at one port, to try on one machine what they need: see docs/running.md.

The kernel gives each new connection to one of them (SO_REUSEPORT), so a WebSocket stays where it is.
The requests of a client that polls would go to different processes. If you need polling, put a proxy in
front that keeps each client at one process: see deploy/nginx-workers.conf.
"""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from final_app.config import Settings
from final_app.errors import CannotStart

PAUSE = 1.0  # seconds before a process that has died is started again
LOOK_EVERY = 0.2  # seconds


def check(settings: Settings) -> None:
    """Raise CannotStart if several processes cannot share this database or a port."""
    if not settings.database.startswith("postgresql"):
        raise CannotStart(
            "--workers: several processes need PostgreSQL. Set CHAT_DATABASE_URL, such as to "
            "postgresql+psycopg://chat@localhost/chat. With SQLite, the chat is one process."
        )
    if sys.platform != "linux":
        raise CannotStart(
            "--workers: only Linux shares a port among processes. Start each process with a --port of "
            "its own, and put a proxy in front of them: see docs/running.md."
        )


@contextlib.contextmanager
def kept_port(host: str, port: int) -> Iterator[int]:
    """Keep a port for the processes, without listening; yield its number, which 0 leaves open.

    Raises OSError if the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        kept.bind((host, port))
        yield kept.getsockname()[1]


def run(count: int, host: str, port: int) -> None:
    """Run `count` processes until SIGINT or SIGTERM; start one again if it dies."""
    command = [sys.executable, "-m", "final_app", "--no-browser", "--shared-port",
               "--host", host, "--port", str(port)]  # fmt: skip
    _watch(command, [subprocess.Popen(command) for _ in range(count)])


def _watch(command: Sequence[str], processes: list["subprocess.Popen[bytes]"]) -> None:
    stopped = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopped
        stopped = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    while not stopped:
        time.sleep(LOOK_EVERY)
        for place, process in enumerate(processes):
            if process.poll() is not None and not stopped:
                time.sleep(PAUSE)
                processes[place] = subprocess.Popen(command)
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    for process in processes:
        process.wait()
