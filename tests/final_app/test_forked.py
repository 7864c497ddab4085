"""A server that the nursery forks behaves like any other process."""

import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.final_app.rig import STOP_TIMEOUT, Person, Server
from tests.forked import CAN_FORK, Forked

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
