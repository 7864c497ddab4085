"""`python -m final_app --workers 3`: three processes at one port, to try them on one machine."""

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from final_app.errors import CannotStart
from final_app.workers import kept_port, refusing_address
from tests.final_app.rig import PLENTY, Person, Server
from tests.waiting import wait_until
from workshop import paths
from workshop.cluster import Cluster

PATIENCE = 60.0  # seconds
HERE = "127.0.0.1"
NOBODY_LISTENS = "postgresql+psycopg://chat@127.0.0.1:1/chat"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shares a port so")


def start(
    folder: Path, url: str, *options: str, hang_up: signal.Handlers = signal.SIG_DFL
) -> "subprocess.Popen[str]":
    before = signal.signal(signal.SIGHUP, hang_up)  # which the new process inherits
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "final_app", "--no-browser", "--port", "0", *options],
            cwd=paths.ROOT, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=os.environ | PLENTY | {"CHAT_DATA_DIR": str(folder), "CHAT_DATABASE_URL": url},
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGHUP, before)


def ready(chat: "subprocess.Popen[str]", count: int) -> int:
    """Wait until so many processes are ready; return the port if that was said, too."""
    said = ""
    give_up = time.monotonic() + PATIENCE
    assert chat.stdout is not None
    while len(re.findall(r"^Process [0-9]+ is ready\.$", said, re.MULTILINE)) < count:
        said += (line := chat.stdout.readline())
        # A process that cannot start is started again and again, and says each time why.
        assert line and time.monotonic() < give_up, said
    port = re.search(r"The chat is at http://localhost:([0-9]+)", said)
    return int(port[1]) if port else 0


def test_three_processes_are_one_chat_and_one_that_dies_is_started_again(
    tmp_path: Path, cluster: Cluster
) -> None:
    chat = start(tmp_path, cluster.url(), "--workers", "3")
    try:
        server = Server(tmp_path)
        server.port = ready(chat, 3)
        ada = Person(server, "ada").begin()
        bo = Person(server, "bo").register(ada.invite())
        ada.connect()
        tabs = [bo.tab() for _ in range(8)]  # which the kernel gives to different processes
        assert ada.say(1, "to all of you")["ok"]
        assert {tab.hear("new_message")["text"] for tab in tabs} == {"to all of you"}
        processes = psutil.Process(chat.pid).children()
        assert len(processes) == 3
        assert len([each for each in processes if has_client(each, server.port)]) > 1
        processes[0].kill()
        ready(chat, 1)
        assert len(psutil.Process(chat.pid).children()) == 3
        for person in (ada, *tabs):
            person.leave()
        chat.send_signal(signal.SIGHUP)  # the end of its terminal
        assert chat.wait(PATIENCE) == 0
        give_up = time.monotonic() + PATIENCE
        while any(each.is_running() for each in processes):
            assert time.monotonic() < give_up
    finally:
        for each in (*psutil.Process().children(recursive=True),):
            if each.pid == chat.pid or chat.pid in [parent.pid for parent in each.parents()]:
                each.kill()


def test_processes_stop_when_the_one_that_started_them_is_killed(
    tmp_path: Path, cluster: Cluster
) -> None:
    """With `nohup`, the end of the terminal stops nothing."""
    chat = start(tmp_path, cluster.url(), "--workers", "2", hang_up=signal.SIG_IGN)
    processes: list[psutil.Process] = []
    try:
        ready(chat, 2)
        processes += psutil.Process(chat.pid).children()
        for each in (chat, *processes):
            each.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            chat.wait(0.5)
        assert psutil.Process(chat.pid).children() == processes
        chat.kill()
        assert psutil.wait_procs(processes, PATIENCE)[1] == []
    finally:
        for each in (chat, *processes):
            if psutil.pid_exists(each.pid):
                each.kill()


def test_a_second_chat_does_not_share_the_port_of_the_first_one() -> None:
    with socket.create_server((HERE, 0), reuse_port=True) as first:
        port = first.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Can't use port {port}"), kept_port(HERE, port):
            pass


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.ENOEXEC, "nodename nor servname provided, or not known"),  # macOS, for EAI_NONAME
        (10048, "Only one usage of each socket address is normally permitted"),  # Windows
    ],
)
def test_the_cause_is_in_the_words_of_the_system(number: int, why: str) -> None:
    """Elsewhere, the number of a socket's error can be that of no error or of a different one."""
    expected = pytest.raises(CannotStart, match=f"^Can't use port 5000 of a: {why}\\.\n")
    with expected, refusing_address("a", 5000):
        raise OSError(number, f"{why} (while attempting to bind on address ('a', 5000))")


def test_the_address_of_all_networks_means_those_with_ipv4_too(tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("needs IPv6")
    server = Server(tmp_path, host="::").start()
    try:
        for host in (HERE, "::1"):
            with socket.create_connection((host, server.port), PATIENCE) as line:
                line.sendall(b"nonsense\r\n\r\n")
                assert line.recv(100).startswith(b"HTTP/1.1 400"), host
        # The log has only one such line per minute: that of the first request.
        wait_until(lambda: any(f"a request from {HERE}: " in each for each in server.log))
    finally:
        server.stop()


def has_client(process: psutil.Process, port: int) -> bool:
    return any(
        line.status == psutil.CONN_ESTABLISHED and line.laddr and line.laddr.port == port
        for line in process.net_connections()
    )


def test_with_sqlite_the_chat_is_one_process_and_says_so(tmp_path: Path) -> None:
    chat = start(tmp_path, "", "--workers", "3")
    told, _ = chat.communicate(timeout=PATIENCE)
    assert chat.returncode == 2
    assert (
        told.startswith("--workers: several processes need PostgreSQL.") and told.count("\n") == 1
    )


WRONG_OPTIONS = {
    ("--port", "99999"): "--port: expected a number from 0 to 65535, got '99999'",
    ("--port", "-1"): "--port: expected a number from 0 to 65535, got '-1'",
    ("--workers", "0"): "--workers: expected a number from 1 to 100, got '0'",
    ("--host", ""): "--host: expected an address such as 127.0.0.1, got ''",
    ("users", "list"): "arguments: users list; commands begin with `flask --app final_app`",
}
READ_OPTIONS = """
import json, sys
from contextlib import suppress
from final_app.__main__ import main
for options in json.loads(sys.argv.pop()):
    sys.argv[1:] = options
    with suppress(SystemExit):
        main()
"""


def test_a_wrong_option_is_refused() -> None:
    """One process reads them all, because the imports take long, and gevent patches this process."""
    command = [sys.executable, "-c", READ_OPTIONS, json.dumps([*WRONG_OPTIONS])]
    ended = subprocess.run(
        command, cwd=paths.ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    errors = [line for line in ended.stderr.splitlines() if ": error: " in line]
    assert len(errors) == len(WRONG_OPTIONS), ended
    for error, expected in zip(errors, WRONG_OPTIONS.values(), strict=True):
        assert error.endswith(expected)


@pytest.mark.parametrize(
    ("url", "options", "expected"),
    [
        (NOBODY_LISTENS, ("--workers", "3"), "The chat can't open its database: connection failed"),
        ("", ("--host", "a..b"), "of a..b: Name "),  # the rest depends on the C library
        ("", ("--host", "ä" * 80), "ä: it is not an address of this machine.\n"),
        ("", ("--host", "192.0.2.1"), "of 192.0.2.1: Cannot assign requested address.\n"),
    ],
)
def test_a_chat_that_cannot_start_says_why_and_ends(
    tmp_path: Path, url: str, options: tuple[str, ...], expected: str
) -> None:
    chat = start(tmp_path, url, *options)
    try:
        told, _ = chat.communicate(timeout=PATIENCE)
    finally:
        chat.kill()
    assert (chat.returncode, "Traceback" in told) == (2, False) and expected in told
    assert "The chat is at" not in told
