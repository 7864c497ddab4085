"""A private PostgreSQL server, called a cluster in its documentation: for lab 20 and for the tests.

Nobody else reaches it. On Linux and macOS, it listens only at a socket in its own folder. On Windows,
it listens at 127.0.0.1, and asks for a password that was made for it.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

START_TIMEOUT = 60  # seconds
LOOPBACK = "127.0.0.1"
# A cluster that is deleted at the end need not wait for the disk. `durable` keeps PostgreSQL's own
# settings.
FAST = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"]
# The search of the finished chat needs a locale that knows all letters. Windows has its own names.
LOCALES = {"linux": ["--locale=C.UTF-8"], "darwin": ["--locale=en_US.UTF-8"]}
USUAL_PLACES = (  # of PostgreSQL's programs, which are often not on PATH
    ("/usr/lib/postgresql", "*/bin"),  # Debian and Ubuntu
    ("/opt/homebrew/opt", "postgresql*/bin"),
    ("/usr/local/opt", "postgresql*/bin"),
    ("/Applications/Postgres.app/Contents/Versions", "*/bin"),
    ("/Library/PostgreSQL", "*/bin"),
    ("C:/Program Files/PostgreSQL", "*/bin"),
)


def find_postgres(program: str) -> str | None:
    """Return the path of one of PostgreSQL's programs, the newest if there are several."""
    folders = [
        str(folder)
        for top, below in USUAL_PLACES
        for folder in sorted(Path(top).glob(below), key=_version, reverse=True)
    ]
    return shutil.which(program, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))


class Cluster:
    """The server. `url` creates a database in it, and returns the database's URL."""

    def __init__(
        self, folder: Path, *, durable: bool = False, by_socket: bool = os.name == "posix"
    ) -> None:
        self.folder = folder
        self._options = [] if durable else FAST
        self._host, self._port, self._password = str(folder), 5432, ""
        if not by_socket:
            self._host, self._port, self._password = LOOPBACK, _free_port(), secrets.token_hex(16)
        # PostgreSQL refuses to run as root, because a bug in it could then damage the whole system.
        self._user = _somebody_else()
        if self._user:
            shutil.chown(folder, self._user)
        self._run("initdb", "-D", str(self._data), "-U", "chat", "--no-sync", "--encoding=UTF8",
                  *LOCALES.get(sys.platform, []), *self._authentication())  # fmt: skip

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> "Cluster":
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}"]
        if self._password:
            options = ["-c", f"listen_addresses={LOOPBACK}", "-c", "unix_socket_directories="]
        options += ["-c", f"port={self._port}", "-c", "max_connections=200", *self._options]
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self.folder / "log"), "-w",
                  "-t", str(START_TIMEOUT), "-o", " ".join(options), "start")  # fmt: skip
        return self

    def stop(self, mode: str = "fast") -> None:
        """Stop the server. With the mode `immediate`, it stops as in a crash."""
        self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    @property
    def pid(self) -> int:
        """Return the id of PostgreSQL's main process, which starts all its others."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    @property
    def address(self) -> str:
        """Return the address of the database from which new ones are created."""
        password = f":{self._password}" if self._password else ""
        place = f"{LOOPBACK}:{self._port}" if self._password else ""
        query = "" if self._password else f"?host={self._host}"
        return f"postgresql+psycopg://chat{password}@{place}/postgres{query}"

    def url(self, name: str = "", template: str = "template1") -> str:
        return new_database(self.address, name, template)

    def admin(self, url: str = "") -> "psycopg.Connection[tuple[object, ...]]":
        """Return a connection of the administrator, which commits each statement."""
        return connected(url or self.address)

    def _authentication(self) -> list[str]:
        """Return the options of initdb that say who can connect."""
        if not self._password:
            return ["--auth=trust"]  # whoever can open the folder, which nobody else can
        file = self.folder / "password"
        file.write_text(self._password, encoding="utf-8")
        return ["--auth=scram-sha-256", f"--pwfile={file}"]

    def _run(self, name: str, *words: str) -> None:
        found = find_postgres(name)
        assert found, f"{name} is not installed"
        subprocess.run(
            [found, *words], check=True, user=self._user, cwd=self.folder, timeout=2 * START_TIMEOUT,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip


@contextmanager
def running(*, durable: bool = False, by_socket: bool = os.name == "posix") -> Iterator[Cluster]:
    """Run a server in a new folder. The path of a socket must be short, and so must the folder's."""
    folder = Path(tempfile.mkdtemp(prefix="chat-pg-"))
    try:
        cluster = Cluster(folder, durable=durable, by_socket=by_socket).start()
        try:
            yield cluster
        finally:
            cluster.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_database(address: str, name: str = "", template: str = "template1") -> str:
    """Create a database in the cluster at `address`, and return its URL."""
    from sqlalchemy.engine import make_url

    name = name or f"chat_{uuid.uuid4().hex[:12]}"
    with connected(address) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return make_url(address).set(database=name).render_as_string(hide_password=False)


def connected(url: str) -> "psycopg.Connection[tuple[object, ...]]":
    """Connect to a database. Each statement is committed at once."""
    import psycopg

    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True, connect_timeout=10)


def _version(folder: Path) -> tuple[int, ...]:
    """Return the number in a path such as /usr/lib/postgresql/15/bin: 9.6 comes before 15."""
    digits = "".join(sign if sign.isdigit() else " " for sign in str(folder))
    return tuple(map(int, digits.split()))


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _somebody_else() -> str | None:
    """Return the user that the server runs as if this process is root's, or None if it is not."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
