"""A PostgreSQL server of the tests' own: it listens only at a socket in its folder."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from tests.needs import find_postgres

START_TIMEOUT = 60  # seconds
# What the tests need no disk for. `durable` keeps PostgreSQL's own settings.
FAST = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"]


class Cluster:
    """The server. `url` is that of a new and empty database, with each call another one."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self._options = [] if durable else FAST
        # PostgreSQL refuses to run as root, so that a fault in it cannot do what root can.
        self._user = "postgres" if os.name == "posix" and os.geteuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user)
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", "chat", "--no-sync",
                  "--encoding=UTF8", "--locale=C.UTF-8")  # fmt: skip

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> "Cluster":
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}",
                   "-c", "max_connections=200", *self._options]  # fmt: skip
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self.folder / "log"), "-w",
                  "-t", str(START_TIMEOUT), "-o", " ".join(options), "start")  # fmt: skip
        return self

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `immediate` is what a crash looks like."""
        self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    @property
    def pid(self) -> int:
        """Return the id of the process that has started all others."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def url(self, name: str = "", template: str = "template1") -> str:
        name = name or f"chat_{uuid.uuid4().hex[:12]}"
        with self.admin() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return f"postgresql+psycopg://chat@/{name}?host={self.folder}"

    def admin(self, url: str = "") -> "psycopg.Connection[tuple[object, ...]]":
        """Return a connection of the administrator, which commits each statement."""
        name = make_url(url).database if url else "postgres"
        return psycopg.connect(
            host=str(self.folder), user="chat", dbname=name, autocommit=True, connect_timeout=10
        )

    def _run(self, name: str, *words: str) -> None:
        found = find_postgres(name)
        assert found, f"{name} is not installed"
        subprocess.run(
            [found, *words], check=True, user=self._user, cwd=self.folder, timeout=2 * START_TIMEOUT,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip


@contextmanager
def running(*, durable: bool = False) -> Iterator[Cluster]:
    """Run a server in a new folder, whose path is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="chat-pg-"))
    cluster = Cluster(folder, durable=durable)
    try:
        yield cluster.start()
    finally:
        cluster.stop("immediate")
        shutil.rmtree(folder)
