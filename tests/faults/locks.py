"""Another program that locks the database."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.final_app.rig import STOP_TIMEOUT, Server

HOLD = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
database.execute("ROLLBACK")
"""


@contextmanager
def held(server: Server) -> Iterator[None]:
    """Lock a server's database from a separate process until the end of the block."""
    path = str(server.folder / "chat.db")
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdin and other.stdout
    try:
        assert other.stdout.readline().strip() == b"held"
        yield
    finally:
        other.stdin.close()
        other.wait(STOP_TIMEOUT)
        other.stdout.close()
