"""A commit is on the disk, and readers continue while somebody writes."""

import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.load import Line
from tests.faults.mutants import Change, mutant
from tests.final_app.rig import PLENTY, Person, Server, png
from workshop import paths

ASK = """
from final_app import create_app
from final_app.storage import database
from final_app.storage.models import db
with create_app().app_context():
    database.upgrade()
    rows = [db.session.execute(db.text(f"PRAGMA {name}")).scalar()
            for name in ("synchronous", "journal_mode", "foreign_keys")]
    print(*rows)
"""
SAID = 20  # messages, each after the acknowledgement of the one before

FASTER: Change = ("storage/sqlite.py", "synchronous=FULL", "synchronous=NORMAL")
NOT_FLUSHED: Change = (
    "storage/files.py",
    "                os.fsync(handle)\n",
    "                pass\n",
)
ONE_FILE: Change = ("storage/sqlite.py", '"journal_mode=WAL", ', "")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], "2 wal 1"),
        pytest.param([FASTER], "1 wal 1", marks=pytest.mark.long),
        pytest.param([ONE_FILE], "2 delete 1", marks=pytest.mark.long),
    ],
    ids=["as shipped", "mutant: NORMAL", "mutant: no WAL"],
)
def test_the_connections_of_the_application_wait_for_the_disk(
    tmp_path: Path, changes: list[Change], expected: str
) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", ASK], capture_output=True, text=True, timeout=60,
        cwd=mutant(tmp_path, *changes) if changes else paths.ROOT,
        env=os.environ | PLENTY | {"CHAT_DATA_DIR": str(tmp_path / "data")},
    )  # fmt: skip
    assert answer.stdout.split("\n")[-2:] == [expected, ""], answer.stderr
    assert bool(changes) == (expected != "2 wal 1")


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("changes", [[], pytest.param([FASTER], marks=pytest.mark.long)])
def test_every_acknowledged_message_was_forced_to_the_disk(
    tmp_path: Path, changes: list[Change]
) -> None:
    code = {"code": mutant(tmp_path, *changes)} if changes else {}
    server = Server(tmp_path / "data", **code).start()
    line = Line(Person(server, "ada").begin())
    trace = tmp_path / "trace"
    with traced(server, trace):
        for number in range(SAID):
            said = {"room": 1, "client_id": str(uuid.uuid4()), "text": f"number {number}"}
            assert line.ask("new_message", said)["ok"]
    forced = len(re.findall(r"sync\(", trace.read_text(encoding="utf-8")))
    print(f"\n{SAID} acknowledged, {forced} times forced to the disk")
    assert (forced < SAID) if changes else (forced >= SAID)


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("changes", [[], pytest.param([NOT_FLUSHED], marks=pytest.mark.long)])
def test_every_acknowledged_upload_was_forced_to_the_disk(
    tmp_path: Path, changes: list[Change]
) -> None:
    """The trace contains the files, the thumbnail, and the folders that contain their names."""
    code = {"code": mutant(tmp_path, *changes)} if changes else {}
    server = Server(tmp_path / "data", **code).start()
    ada, trace = Person(server, "ada").begin(), tmp_path / "trace"
    with traced(server, trace):
        ids = [
            ada.upload(1, name, content)["upload"]["id"]
            for name, content in (("notes.txt", b"bring cake"), ("picture.png", png()))
        ]
    folder = server.folder / "uploads"
    stored = [path for each in ids for path in folder.glob(f"*/{each}*")]
    assert len(stored) == 3
    expected = {str(path) for path in (*stored, *(path.parent for path in stored), folder)}
    forced = set(re.findall(r"sync\(\d+<([^>]+)>", trace.read_text(encoding="utf-8")))
    assert (expected & forced == set()) if changes else (expected <= forced)


@contextmanager
def traced(server: Server, trace: Path) -> Iterator[None]:
    """Write the server's calls to `fsync`, with the paths, to a file. Then stop the server."""
    assert server.process
    watch = subprocess.Popen(
        ["strace", "-f", "-y", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(trace),
         "-p", str(server.process.pid)],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        while not trace.exists() or "TracerPid:\t0" in _status(server.process.pid):
            assert watch.poll() is None, watch.stderr and watch.stderr.read()
        yield
    finally:
        watch.terminate()
        watch.wait()
        assert watch.stderr
        watch.stderr.close()
        server.stop()


def _status(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
