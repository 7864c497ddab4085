"""Processes that a nursery forks. They start in a tenth of the CPU time of a new interpreter."""

import atexit
import contextlib
import functools
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from workshop import paths

# A notebook's kernel runs this at its start, so that its stages are forked, too.
IN_A_KERNEL = f"""
import sys
sys.path.append({str(paths.ROOT)!r})
from tests import forked
from workshop import stages
stages.popen = forked.popen
del forked, stages, sys
"""
NURSERIES = "WORKSHOP_TESTS_NURSERIES"  # names the folder with the sockets of the nurseries
PYTHON = sys.executable  # a test may change it later
STARTS_IN = 120.0  # seconds that the nursery's imports may take on a busy machine
CAN_FORK = sys.platform == "linux"  # macOS warns against it, Windows has no `fork`
# `python -m final_app`, except that a password's hash takes a millisecond instead of a fifth of a
# second. test_accounts.py checks the hash that is shipped.
CHEAP_HASHES = """
import argon2, functools, runpy
argon2.PasswordHasher = functools.partial(
    argon2.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1
)
runpy.run_module("final_app", run_name="__main__", alter_sys=True)
"""
PAGES = str(paths.ROOT / "workshop" / "checks" / "page" / "child.py")
BARE = str(paths.ROOT / "tests" / "wire" / "bare.py")
_one_at_a_time = threading.Lock()  # tests start several servers at once
_nurseries: list["subprocess.Popen[bytes]"] = []  # a nursery ends when its standard input closes


def popen(command: Sequence[str], **options: Any) -> "subprocess.Popen[str] | Forked":
    """Start a process as `subprocess.Popen` does; fork it if a nursery has imported what it needs."""
    at_home = Path(options.get("cwd") or "") == paths.ROOT
    kind = kind_of(command, at_home=at_home) if CAN_FORK and options.get("text") else ""
    if not kind:
        return subprocess.Popen(command, **options)
    return Forked(kind, command[1:], **options)


def kind_of(command: Sequence[str], *, at_home: bool) -> str:
    """Return the nursery that can fork a command, or "" if none can.

    `at_home` says that it runs in this repository. Elsewhere, it could be a copy of final_app.
    """
    python, *words = command
    if python != PYTHON:
        return ""
    match words:
        case ["-c", code, *_] if code == CHEAP_HASHES:
            return "chat" if at_home else "copy"
        case ["-m", "workshop.finished", *_]:
            return "chat" if at_home else "copy"
        case ["-m", "workshop.tiny", *_]:
            return "chat"
        case ["-m", "flask", "--app", "final_app", *rest] if at_home and "--reload" not in rest:
            return "command"
        case ["-m", "flask", "--app", "workshop.serve", *_]:
            return "step"
        case [str(program)] if program == PAGES:
            return "step"
        case [str(program), *_] if program == BARE and at_home:
            return "chat"
    return ""


class Forked:
    """Has the part of the interface of `subprocess.Popen` that the tests and the workshop use."""

    def __init__(
        self, kind: str, command: Sequence[str], *, cwd: Path | str = "",
        env: Mapping[str, str] | None = None, umask: int = -1, stdin: int | None = None,
        stdout: int | None = None, stderr: int | None = None, encoding: str | None = None,
        errors: str | None = None, text: bool = True,
    ) -> None:  # fmt: skip
        assert text and stdout == subprocess.PIPE and stdin is not None and stderr is not None
        self.args = command
        self.returncode: int | None = None
        (feed, to_feed), (output, to_output) = os.pipe(), os.pipe()
        (problems, to_problems), (status, to_status) = os.pipe(), os.pipe()
        order = {
            "command": list(command), "folder": str(cwd), "umask": umask,
            "environment": dict(os.environ if env is None else env),
        }  # fmt: skip
        its = [
            feed,
            to_output,
            to_output if stderr == subprocess.STDOUT else to_problems,
            to_status,
        ]
        socket.send_fds(_orders(kind), [json.dumps(order).encode()], its)
        for pipe in (feed, to_output, to_problems, to_status):
            os.close(pipe)
        self.stdin: IO[str] = os.fdopen(to_feed, "w", encoding=encoding or "utf-8")
        self.stdout: IO[str] = os.fdopen(output, encoding=encoding or "utf-8", errors=errors)
        self.stderr: IO[str] = os.fdopen(problems, encoding=encoding or "utf-8", errors=errors)
        if stdin == subprocess.DEVNULL:
            self.stdin.close()
        self._status = os.fdopen(status)
        if not select.select([status], [], [], STARTS_IN)[0]:
            raise TimeoutError(f"the nursery started no process within {STARTS_IN:.0f} s")
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
            raise subprocess.TimeoutExpired(list(self.args), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended since, as for Popen
                os.kill(self.pid, number)

    def communicate(self, feed: str = "", timeout: float | None = None) -> tuple[str, str]:
        """Write to the input and return output and errors, after the end of the process.

        `feed` must fit into a pipe. Raises TimeoutExpired.
        """
        if not self.stdin.closed:
            self.stdin.write(feed)
            self.stdin.close()
        told: dict[IO[str], str] = {}

        def read(pipe: IO[str]) -> None:
            told[pipe] = pipe.read()

        pipes = (self.stdout, self.stderr)
        readers = [threading.Thread(target=read, args=(each,), daemon=True) for each in pipes]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join(timeout)
        if len(told) < len(pipes):  # a process that this one started still holds the other end
            raise subprocess.TimeoutExpired(list(self.args), timeout or 0)
        return told[self.stdout], told[self.stderr]

    def kill(self) -> None:
        self.send_signal(9)


def start_nursery(kind: str) -> None:
    """Start this process's nursery of a kind, unless there is one. It ends together with this process.

    It is available to the processes that this one starts, such as a notebook's kernel, too.
    """
    if not CAN_FORK:
        return
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CHAT_")}
    with _one_at_a_time, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as orders:
        if _address(kind).exists():
            return
        orders.bind(str(_address(kind)))
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "tests.nursery", kind, str(orders.fileno())],
            cwd=paths.ROOT, env=environment | {"PYTHONUTF8": "1"}, pass_fds=[orders.fileno()],
            stdin=subprocess.PIPE,
        )  # fmt: skip
        _nurseries.append(process)


def _address(kind: str) -> Path:
    """Return the path of the socket at which a nursery receives its orders."""
    if NURSERIES not in os.environ:
        os.environ[NURSERIES] = tempfile.mkdtemp(prefix="nurseries-")
        atexit.register(shutil.rmtree, os.environ[NURSERIES], ignore_errors=True)
    # A clone of the repository, whose tests a test runs, has nurseries of its own.
    return Path(os.environ[NURSERIES]) / f"{kind}-{zlib.crc32(str(paths.ROOT).encode())}"


@functools.cache
def _orders(kind: str) -> socket.socket:
    """Return a socket that is connected to a nursery, which is started first if necessary."""
    start_nursery(kind)
    orders = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    orders.connect(str(_address(kind)))
    return orders
