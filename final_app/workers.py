"""Run several processes on one port, so that you can try them on one machine (see docs/running.md).

The kernel gives each new connection to one of the processes (SO_REUSEPORT). A WebSocket is a single
connection, so it stays in its process. A client that polls opens several connections, and they would
reach different processes. If you need polling, put a proxy in front of the processes that always sends
a client to the same one. See deploy/nginx-workers.conf.
"""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from final_app.config import Settings
from final_app.errors import CannotStart

PAUSE = 1.0  # seconds before a process that has died is started again
LOOK_EVERY = 0.2  # seconds between two checks whether all processes still run


def check(settings: Settings) -> None:
    """Raise CannotStart if several processes cannot share this database or a port."""
    if not settings.database.startswith("postgresql"):
        raise CannotStart(
            "--workers: several processes need PostgreSQL. Set CHAT_DATABASE_URL to an address such as "
            "postgresql+psycopg://chat@localhost/chat. With SQLite, the chat can have only one process."
        )
    if sys.platform != "linux":
        raise CannotStart(
            "--workers: only Linux shares a port among processes. Start each process with its own "
            "--port, and put a proxy in front of them. See docs/running.md."
        )


@contextlib.contextmanager
def kept_port(host: str, port: int) -> Iterator[int]:
    """Reserve a port for the processes without listening on it, and yield its number.

    If `port` is 0, the system chooses one. Raises CannotStart if the port is taken, even by a program
    that would share it.
    """
    with contextlib.ExitStack() as stack:
        with refusing_address(host, port) as family:
            with socket.socket(family) as alone:
                alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after a restart
                alone.bind((host, port))
            kept = stack.enter_context(socket.socket(family))
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            kept.bind((host, port))
        yield kept.getsockname()[1]


@contextlib.contextmanager
def refusing_address(host: str, port: int) -> Iterator[socket.AddressFamily]:
    """Yield the family of an address. Raises CannotStart if the block cannot listen on the address."""
    try:
        yield socket.AF_INET6 if ":" in host else socket.AF_INET
    except (OSError, TypeError, UnicodeError) as problem:  # the last two: it is too long for a name
        why = getattr(problem, "strerror", None) or "it is not an address of this machine"
        why, *_ = why.split(" (while ")  # `create_server` adds the address
        raise CannotStart(
            f"Can't use port {port} of {host}: {why}.\n"
            "Expected an address of this machine, and a port from 1024 to 65535 that no other program "
            "uses. Stop that program, or choose another port (such as --port 5001) or another address "
            "(such as --host 127.0.0.1)."
        ) from None


def stop_signals() -> list[signal.Signals]:
    """Return the signals that stop the chat. SIGHUP is one of them, unless it is ignored (`nohup`)."""
    found = [signal.SIGINT, signal.SIGTERM]
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        found.append(signal.SIGHUP)
    return found


def run(count: int, host: str, port: int) -> None:
    """Run `count` processes until a signal stops them. If a process dies, start a new one.

    The standard input of each process is a pipe. If this process is killed, the pipe is closed, and the
    others stop. Otherwise, they would keep running, and share the port with the processes of the next
    start.
    """
    stopped = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopped
        stopped = True

    for number in stop_signals():  # before there is a process to be stopped
        signal.signal(number, stop)
    command = [sys.executable, "-m", "final_app", "--no-browser", "--shared-port",
               "--host", host, "--port", str(port)]  # fmt: skip
    processes = [_started(command) for _ in range(count)]
    while not stopped:
        time.sleep(LOOK_EVERY)
        for place, process in enumerate(processes):
            if process.poll() is not None and not stopped:
                time.sleep(PAUSE)
                processes[place] = _started(command)
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    for process in processes:
        process.wait()


def _started(command: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, stdin=subprocess.PIPE)
