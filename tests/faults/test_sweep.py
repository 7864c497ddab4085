"""While old messages are removed, people can send messages without waiting until the end."""

import sqlite3
import subprocess
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.load import Line
from tests.faults.mutants import Change, mutant
from tests.final_app.rig import Person, Server

OLD_ONES = 3000  # messages that are too old
TURNS = 10  # messages that must be stored in the middle of it, at least

AT_ONCE: tuple[Change, ...] = (
    ("retention.py", "BATCH = 200 ", "BATCH = 1_000_000 "),
    ("retention.py", "WINDOW = 10_000 ", "WINDOW = 1_000_000 "),
)

FILL = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
INSERT INTO messages (room_id, seq, rev, author_id, client_id, text, html, created_at)
SELECT 1, n, n, 1, 'old ' || n, 'line ' || n || ' of what was said long ago by somebody', '<p>',
       '2020-01-01 00:00:00.000000' FROM numbers
"""
LEFT = "SELECT count(*) FROM messages WHERE client_id LIKE 'old %'"


@pytest.mark.parametrize(
    "changes",
    [(), pytest.param(AT_ONCE, marks=pytest.mark.long)],
    ids=["as shipped", "mutant: all at once"],
)
def test_others_have_their_turn_while_old_messages_go(
    tmp_path: Path, changes: tuple[Change, ...]
) -> None:
    code = {"code": mutant(tmp_path, *changes)} if changes else {}
    server = Server(tmp_path / "data", **code).start()
    ada = Person(server, "ada").begin()
    with closing(sqlite3.connect(tmp_path / "data" / "chat.db")) as database, database:
        database.execute(FILL, {"count": OLD_ONES})
        database.execute("UPDATE rooms SET last_seq = ?, last_rev = ?", (OLD_ONES, OLD_ONES))
    server.settings["CHAT_RETENTION_DAYS"] = "30"
    swept: list[subprocess.CompletedProcess[str]] = []
    sweep = threading.Thread(target=lambda: swept.append(server.run("sweep")))
    line, reader = Line(ada), sqlite3.connect(tmp_path / "data" / "chat.db")
    turns, waits = 0, []
    sweep.start()
    while sweep.is_alive():
        began = time.monotonic()
        said = {"room": 1, "client_id": str(uuid.uuid4()), "text": "and meanwhile"}
        assert line.ask("new_message", said)["ok"]
        waits.append(time.monotonic() - began)
        turns += 0 < reader.execute(LEFT).fetchone()[0] < OLD_ONES
    line.close()
    reader.close()
    numbers = [message["seq"] for message in ada.history(1)]
    server.stop()
    print(f"\n{turns} messages in the middle of it, the slowest {max(waits):.3f} s")
    assert swept[0].stdout.startswith(f"Removed {OLD_ONES:,} messages, "), swept
    assert numbers == list(range(OLD_ONES + 1, OLD_ONES + 1 + len(waits)))
    assert (turns >= TURNS) != bool(changes), turns
