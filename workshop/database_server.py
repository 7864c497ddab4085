"""`postgres()` starts a private PostgreSQL server for a notebook.

A child process, `python -m workshop.database_server`, runs the server in a new folder, and waits until
its standard input closes, which happens however the notebook's kernel ends. Then the child stops the
server and removes the folder. Jupyter kills a kernel together with the kernel's process group. The child
therefore has a session of its own, so that it is still there to clean up.
"""

import os
import signal
import subprocess
import sys
import threading

from workshop import cluster

START_TIMEOUT = 2 * cluster.START_TIMEOUT  # seconds
STOP_TIMEOUT = 20.0  # seconds
RUNS = "PostgreSQL is running, for this notebook only."
MISSING = (
    "PostgreSQL was not found: its program `initdb` is neither on PATH nor in the usual folders. "
    "To install it, run `sudo apt install postgresql` (Debian, Ubuntu) or `brew install postgresql` "
    "(macOS), or use the installer from postgresql.org (Windows). Then run this cell again. Part A "
    "works without it, and `notebooks/20_processes.ipynb` contains the outputs of all parts."
)

_running: "Postgres | None" = None


class NoPostgres(LookupError):
    """There is no PostgreSQL on this machine. The message says how to get it."""

    def __init__(self) -> None:
        super().__init__(MISSING)


class Postgres:
    """A private server. `database()` creates a database. If PostgreSQL is missing, `url` is ""."""

    def __init__(self, url: str = "", process: "subprocess.Popen[str] | None" = None) -> None:
        self.url = url
        self._process = process

    def __repr__(self) -> str:
        return RUNS if self.url else MISSING

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def database(self) -> str:
        """Return the URL of a new and empty database. Raises NoPostgres if there is no server."""
        if not self.url:
            raise NoPostgres()
        return cluster.new_database(self.url)

    def stop(self) -> None:
        """Stop the server, and wait until its folder is gone. Calling this again does nothing."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        process.wait(STOP_TIMEOUT)


def postgres() -> Postgres:
    """Return the private server of this process, and start it if it does not run yet.

    If PostgreSQL is not installed, the result says so when a notebook shows it.
    """
    global _running
    if not (cluster.find_postgres("initdb") and cluster.find_postgres("pg_ctl")):
        return Postgres()
    if _running is None or not _running.alive:
        _running = _started()
    return _running


def _started() -> Postgres:
    process = subprocess.Popen(
        [sys.executable, "-m", "workshop.database_server"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, encoding="utf-8", errors="replace",
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    give_up = threading.Timer(START_TIMEOUT, process.kill)
    give_up.start()
    printed = ""
    for line in process.stdout:
        printed += line
        if line.startswith("postgresql"):
            give_up.cancel()
            return Postgres(line.strip(), process)
    give_up.cancel()
    raise RuntimeError(
        "PostgreSQL did not start.\nExpected: it prints the address of its database.\n"
        f"It printed:\n{printed.strip() or '(nothing)'}"
    )


def main() -> int:
    """Run a server until standard input closes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # clean up then, too
    with cluster.running() as server:
        print(server.address, flush=True)
        while os.read(0, 1024):
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
