"""A server that the nursery forks. It starts in a tenth of the CPU time of a new interpreter."""

import functools
import json
import os
import select
import socket
import subprocess
import sys

from workshop import paths

STARTS_IN = 120.0  # seconds that the nursery's imports may take on a busy machine
CAN_FORK = sys.platform == "linux"  # macOS warns against it, Windows has no `fork`


class Forked:
    """Has the part of the interface of `subprocess.Popen` that the tests use."""

    def __init__(self, arguments: list[str], environment: dict[str, str], umask: int) -> None:
        (output, to_output), (status, to_status) = os.pipe(), os.pipe()
        order = {"arguments": arguments, "environment": environment, "umask": umask}
        socket.send_fds(_orders(), [json.dumps(order).encode()], [to_output, to_status])
        os.close(to_output)
        os.close(to_status)
        self.stdout = os.fdopen(output, encoding="utf-8")
        self.returncode: int | None = None
        self._status = os.fdopen(status)
        if not select.select([status], [], [], STARTS_IN)[0]:
            raise TimeoutError(f"the nursery started no server within {STARTS_IN:.0f} s")
        self.pid = int(self._status.readline())

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self.returncode = int(self._status.readline())
            self._status.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code as Popen does. Raises TimeoutExpired."""
        if self.returncode is None:
            select.select([self._status], [], [], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("final_app", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


@functools.cache
def _orders() -> socket.socket:
    """Start this process's nursery, which ends with it. Return the socket for its orders."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CHAT_")}
    with its:
        subprocess.Popen(
            [sys.executable, "-u", "-m", "tests.final_app.nursery"],
            cwd=paths.ROOT, env=environment, stdin=its,
        )  # fmt: skip
    return ours
