"""Lab 20: several processes of one chat, the private PostgreSQL server, and what the check finds."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.needs import needs_postgres
from tests.repo import lessons
from tests.workshop.edits import edit, solve
from workshop import changes, cluster, manifest, paths
from workshop.checker import check, solved
from workshop.checks import order
from workshop.clients import cast
from workshop.database_server import NoPostgres, Postgres, postgres
from workshop.groups import processes, stop
from workshop.learner import bring
from workshop.pauses import Gate, paused
from workshop.stages import StageFailed, locate, stop_stages_in
from workshop.verdict import BROKEN, KEPT, OPEN

LAB = manifest.lesson("20")
TO_MODIFY, TO_MAKE = 40, 15  # lines
PATIENCE = 20.0  # seconds
TOO_FAST = 30  # messages of a person in a few seconds
COMMIT = "    announce(message)\n    db.session.commit()\n"
LONG_ANNOUNCEMENT = """    if len(announcement) > LONGEST:
        announcement = json.dumps({"seq": message.seq})
"""
READ_IT = """        if "text" not in message:
            with app.app_context():
                message = db.session.get_one(Message, message["seq"]).as_dict()
"""
EXECUTE = 'db.session.execute(db.select(db.func.pg_notify("chat", announcement)))'
ELSEWHERE = (
    """listening(DATABASE, "none").execute("SELECT pg_notify('chat', %s)", [announcement])"""
)
WITH_MANAGER = (
    'SocketIO(app, async_mode="threading", async_handlers=False, '
    'client_manager=__import__("broker").PostgresManager(DATABASE))'
)
WITHOUT_MANAGER = 'SocketIO(app, async_mode="threading", async_handlers=False)'


@pytest.fixture
def no_postgres(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without PostgreSQL."""
    monkeypatch.setattr(cluster, "USUAL_PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One private server for all tests of this file, as a notebook has one for all its cells."""
    needs_postgres()
    yield postgres()
    postgres().stop()


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The learner's `mine/processes`, fresh from `bring`."""
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path))
    bring("20_processes")
    yield paths.mine() / "processes"
    stop_stages_in(paths.mine() / "processes")


def test_without_a_copy_there_is_nothing_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKSHOP_MINE", str(tmp_path))
    verdict = check("20")
    assert verdict.state == OPEN
    assert 'bring("20_processes")' in verdict.hint
    with pytest.raises(LookupError, match=r'bring\("20_processes"\)'):
        locate("mine/processes")


@pytest.mark.usefixtures("no_postgres")
def test_without_postgresql_one_line_says_what_to_do(copy: Path) -> None:
    line = repr(postgres())
    assert "initdb" in line and "apt install" in line and "Part A" in line
    assert "\n" not in line
    with pytest.raises(NoPostgres, match="apt install"):
        processes("20_processes", 2, postgres())
    verdict = check("20")
    assert (verdict.state, verdict.kept) == (OPEN, 0)
    assert verdict.hint == line


@pytest.mark.usefixtures("server")
def test_a_copy_as_it_came_is_not_a_mistake(copy: Path) -> None:
    verdict = check("20")
    assert (verdict.state, verdict.kept) == (OPEN, 0), verdict
    assert "announce(message)" in verdict.hint
    assert LAB.name not in solved()
    assert "already exists" in bring("20_processes")


@pytest.mark.usefixtures("server")
def test_after_modify_only_long_messages_are_missing(copy: Path) -> None:
    solve("20", copy)
    for lines in (LONG_ANNOUNCEMENT, READ_IT):
        edit(copy / "app.py", lines, "")
    verdict = check("20")
    assert (verdict.state, verdict.kept) == (OPEN, 3), verdict
    assert "8,000 bytes" in verdict.hint


def test_the_code_in_modify_is_the_end_of_the_solution_without_make(copy: Path) -> None:
    solve("20", copy)
    for lines in (LONG_ANNOUNCEMENT, READ_IT):
        edit(copy / "app.py", lines, "")
    (code,) = re.findall(r"(?s)```python\n(.*?)```", lessons.prose(LAB.name))
    assert (copy / "app.py").read_text(encoding="utf-8").endswith(code)


@pytest.mark.usefixtures("server")
def test_the_solution_passes_every_check_and_is_short(copy: Path) -> None:
    solve("20", copy)
    verdict = check("20")
    assert verdict.state == KEPT, verdict
    assert verdict.kept == verdict.total == len(order.CHECKS) == 4
    assert LAB.name in solved()
    (*hunks,) = changes.patch_change((LAB.folder / "exercise.patch").read_text(encoding="utf-8"))
    added = [line for hunk in hunks for line in hunk.added if line.strip()]
    made = (LONG_ANNOUNCEMENT + READ_IT).splitlines()
    assert 0 < len(made) <= TO_MAKE
    assert 0 < len(added) - len(made) <= TO_MODIFY


MISTAKES = [
    (COMMIT, "    db.session.commit()\n    announce(message)\n", 0, "above `db.session.commit()`"),
    ("socketio.start_background_task(listen)", "", 0, "start_background_task(listen)"),
    ('listening(DATABASE, "chat")', 'listening(DATABASE, "chats")', 0, "the same channel"),
    (COMMIT, "    announce(message)\n", 0, "`announce(message)` is above `db.session.commit()`"),
    ("json.loads(notification.payload)", "notification.payload", 0, "json.loads(notification"),
    ("start_background_task(listen)", "start_background_task(listen())", 0, "`while True`"),
    (COMMIT, COMMIT + '    socketio.emit("new_message", message.as_dict())\n', 1, "Remove the line"),
    (WITHOUT_MANAGER, WITH_MANAGER, 1, "client_manager"),
    (EXECUTE, ELSEWHERE, 2, "same transaction"),
    ("            with app.app_context():\n    ", "", 3, "app.app_context()"),
    ("LONGEST = 7_900", "LONGEST = 8_000", 3, "8,000 bytes"),
    ('socketio.emit("new', 'from flask_socketio import emit\n\n        emit("new', 0,
     "`socketio.emit` instead of `emit`"),
]  # fmt: skip

# Each is tried on a server of its own: every run tries the first for each check, `-m long` all.
FIRST_OF_THEIR_CHECK = {mistake[2]: mistake for mistake in reversed(MISTAKES)}.values()


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("right", "wrong", "kept", "hint"),
    [
        pytest.param(*each, id=each[3],
                     marks=[] if each in FIRST_OF_THEIR_CHECK else [pytest.mark.long])
        for each in MISTAKES
    ],
)  # fmt: skip
def test_a_mistake_is_found(copy: Path, right: str, wrong: str, kept: int, hint: str) -> None:
    solve("20", copy)
    edit(copy / "app.py", right, wrong)
    verdict = check("20")
    assert (verdict.state, verdict.kept) == (BROKEN, kept), verdict
    assert hint in verdict.hint
    assert LAB.name not in solved()


def test_processes_of_a_step_share_their_data_and_nothing_else() -> None:
    first, second = processes("10_catching_up", 2)
    assert first.data == second.data
    assert first.pid != second.pid and first.port != second.port
    (ada,), (bo,) = cast(first, "Ada"), cast(second, "Bo")
    ada.call("new_message", {"text": "one"}, timeout=PATIENCE)
    bo.call("new_message", {"text": "two"}, timeout=PATIENCE)
    assert bo.receive(timeout=PATIENCE)[1]["text"] == "two"
    stored = bo.call("sync", {"after": 0}, timeout=PATIENCE)["messages"]
    assert [each["text"] for each in stored] == ["one", "two"]
    again = processes("10_catching_up", 2)
    assert [each.pid for each in again] == [first.pid, second.pid]
    second.stop()
    with pytest.raises(RuntimeError, match="is stopped"), paused(second):
        pass
    assert processes("10_catching_up", 2)[0].pid == first.pid
    assert second.alive
    stop([first, second])


def test_a_cell_that_runs_again_is_not_too_fast_for_the_finished_chat() -> None:
    (chat,) = processes("final_app", 1)
    (ada,) = cast(chat, "Ada")
    for number in range(TOO_FAST):
        message = {"room": 1, "client_id": str(uuid.uuid4()), "text": f"Message {number}"}
        assert ada.call("new_message", message, timeout=PATIENCE)["ok"]
    chat.stop()


def test_if_a_process_does_not_start_none_is_left(copy: Path) -> None:
    server = Postgres()
    (copy / "app.py").write_text("1 / 0", encoding="utf-8")
    server.database = lambda: "postgresql+psycopg:///nowhere"  # type: ignore[method-assign]
    with pytest.raises(StageFailed, match="ZeroDivisionError"):
        processes("mine/processes", 2, server)
    assert not [each for each in psutil.Process().children() if str(copy) in each.cmdline()]


def test_a_gate_holds_back_who_comes_to_its_place_until_it_opens() -> None:
    gate, passed = Gate(), threading.Event()
    gate.close("after")
    gate.wait("before")  # another place: it returns at once

    def commit() -> None:
        gate.wait("after")
        passed.set()

    threading.Thread(target=commit, daemon=True).start()
    assert gate.reached()
    assert not passed.is_set()
    gate.open()
    assert passed.wait(PATIENCE)
    gate.wait("after")  # nothing closes it any more


def test_the_server_ends_with_a_killed_kernel_and_leaves_nothing(server: Postgres) -> None:
    """Jupyter kills a kernel together with its process group."""
    kernel = subprocess.Popen(
        [sys.executable, "-c", "from workshop.database_server import postgres\n"
         "server = postgres()\nprint(server.url, server._process.pid, flush=True)\ninput()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert kernel.stdout
    url, pid = kernel.stdout.readline().split()
    with cluster.connected(url) as connection:
        rows = connection.execute("SELECT current_setting('data_directory')").fetchall()
        data = Path(str(rows[0][0]))
    guard = psutil.Process(int(pid))
    others = guard.children(recursive=True)
    postmaster = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
    if os.name == "posix":
        os.killpg(kernel.pid, signal.SIGKILL)
    else:
        kernel.kill()
    kernel.communicate()
    _, alive = psutil.wait_procs([guard, postmaster, *others], PATIENCE)
    assert not alive
    assert not data.parent.exists()
    assert server.alive, "the guard: another notebook's server runs on"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no sockets in a folder")
def test_nobody_else_reaches_the_server(server: Postgres) -> None:
    with cluster.connected(server.url) as connection:
        rows = connection.execute(
            "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories')"
        ).fetchall()
    addresses, folder = map(str, rows[0])
    assert addresses == ""
    assert Path(folder).stat().st_mode & 0o077 == 0


def test_where_there_are_no_sockets_the_server_asks_for_a_password(server: Postgres) -> None:
    with cluster.running(by_socket=False) as other:
        url = other.url()
        with cluster.connected(url) as connection:
            assert connection.execute("SELECT 1").fetchall() == [(1,)]
        with pytest.raises(psycopg.OperationalError, match="password"):
            cluster.connected(url.replace(f":{other._password}@", ":wrong@"))
        (listening,) = {
            each.laddr.ip
            for each in psutil.Process(other.pid).net_connections("inet")
            if each.status == psutil.CONN_LISTEN
        }
        assert listening == cluster.LOOPBACK
    with pytest.raises(OSError):
        socket.create_connection((cluster.LOOPBACK, other._port), 1)
