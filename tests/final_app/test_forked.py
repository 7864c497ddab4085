"""A server that the nursery forks behaves like any other process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.final_app.rig import STOP_TIMEOUT, Person, Server
from tests.forked import CAN_FORK, CHEAP_HASHES, IN_A_KERNEL, Forked, popen, start_nursery
from workshop import paths

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="the nursery forks on Linux only")


@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 0), ("SIGKILL", -9)])
def test_it_ends_by_a_signal_and_leaves_nothing(tmp_path: Path, number: str, code: int) -> None:
    server = Server(tmp_path).start()
    process = server.process
    assert isinstance(process, Forked)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0)
    Person(server, "ada").get("/healthz").raise_for_status()  # it listens to signals, too
    server.stop(getattr(signal, number))
    assert process.returncode == code
    assert not psutil.pid_exists(process.pid)


def test_one_that_cannot_start_says_why_and_ends(tmp_path: Path) -> None:
    first, second = Server(tmp_path / "first").start(), Server(tmp_path / "second")
    second.port = first.port
    second.start()
    assert second.process and second.process.wait(STOP_TIMEOUT) == 2
    assert f"Can't use port {first.port}" in "\n".join(second.log)
    first.stop()


def test_a_second_server_on_one_data_folder_is_refused(tmp_path: Path) -> None:
    first, second = Server(tmp_path).start(), Server(tmp_path)
    with pytest.raises(AssertionError, match="Another chat is running with the data folder"):
        second.start()
    assert second.run("users", "list").returncode == 0  # a command is not a server
    first.stop(signal.SIGKILL)
    second.start()  # the claim ended with the process
    Person(second, "ada").begin()
    second.stop()


def test_who_waits_for_one_that_does_not_end_is_told_in_time(tmp_path: Path) -> None:
    process = popen(
        [sys.executable, "-c", CHEAP_HASHES, "--no-browser", "--port", "0"],
        cwd=paths.ROOT, env=os.environ | {"CHAT_DATA_DIR": str(tmp_path)}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=0.5)
    process.kill()
    assert process.wait(STOP_TIMEOUT) == -signal.SIGKILL


def test_a_notebook_forks_its_stages_with_the_nursery_of_its_tests() -> None:
    """The program below begins as a notebook's kernel does, in another folder than the tests."""
    program = (
        f"{IN_A_KERNEL}\n"
        "from tests import forked\n"
        "from workshop.stages import stage\n"
        "print(type(stage('01', signed=False)._process).__name__, len(forked._nurseries))\n"
    )
    start_nursery("step")
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=paths.ROOT / "notebooks",
        capture_output=True,
        text=True,
    )
    assert done.stdout == "Forked 0\n", done.stderr
