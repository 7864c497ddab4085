"""`workshop run 05` and `workshop run mine`: serve a stage in the terminal, reloading on save."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys

from workshop import running
from workshop.environments import PLAIN
from workshop.stages import child_environment, describe, flask_run, locate_served

PREFERRED_PORT = 5000
PORTS_TRIED = 50
PROBE_TIMEOUT = 0.3  # seconds


def run(which: str, port: int | None = None) -> int:
    """Serve a stage until Ctrl+C, and return its exit code. Raises LookupError for an unknown stage."""
    name, folder = locate_served(which)
    if folder.name == "final_app":
        raise LookupError(
            "`run` serves a step or your own chat.\nWhat to do: to serve the finished application, run "
            "`python3 start.py chat`. To serve your copy, run `python -m final_app` in the folder mine."
        )
    chosen, reason = (free(port), "") if port else free_port(PREFERRED_PORT)
    token = secrets.token_hex(8)
    if reason:
        print(reason)
    print(f"{describe(name)} is running at http://127.0.0.1:{chosen}")
    print("It reloads when you save a file. Press Ctrl+C to stop it.", flush=True)
    environment = child_environment(folder, sign=describe(name), token=token, tied=True)
    if sys.stdout.isatty():
        environment = {key: value for key, value in environment.items() if key not in PLAIN}
    process = subprocess.Popen(
        [sys.executable, *flask_run(chosen, "--debug", "--no-debugger")],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
    )
    running.record(process.pid, name, folder, chosen, token, by="`run`")
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        end(process)
        running.forget(process.pid)


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop the server and its reloader. Both exit when their standard input closes."""
    assert process.stdin
    process.stdin.close()
    try:
        process.wait(running.END_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port(preferred: int) -> tuple[int, str]:
    """Return the first free port, starting with `preferred`, and the reason if it is another port."""
    for port in range(preferred, preferred + PORTS_TRIED):
        if not taken(port):
            reason = f"Port {preferred} is taken by {holder(preferred)}, so the server uses {port}."
            return port, "" if port == preferred else reason
    raise OSError(
        f"No free port was found from {preferred} to {preferred + PORTS_TRIED - 1}.\n"
        "What to do: stop your servers with `python3 start.py stop`, or choose a port with --port 8000."
    )


def free(port: int) -> int:
    """Return `port` if it is free. If it is taken, raise OSError, which explains what to do."""
    if taken(port):
        raise OSError(
            f"Port {port} is taken by {holder(port)}.\nExpected: a free port.\n"
            f"What to do: choose another one, such as --port {free_port(port)[0]}, or omit --port to "
            "use the first free one."
        )
    return port


def taken(port: int) -> bool:
    """Return whether no server can start at this port of this machine."""
    return has_server(port) or not can_bind(port)


def has_server(port: int) -> bool:
    """Return whether a server answers at this port of this machine, over IPv4 or IPv6."""
    for host in ("127.0.0.1", "::1"):
        with contextlib.suppress(OSError):
            socket.create_connection((host, port), PROBE_TIMEOUT).close()
            return True
    return False


def can_bind(port: int) -> bool:
    """Return whether a program can open this port. Windows reserves some ports, so nobody can."""
    with socket.socket() as probe:
        if os.name == "posix":  # otherwise, a port that was in use a minute ago counts as taken
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Return a description of the program that uses a port, such as the name of a stage."""
    for note in running.notes():
        if note.port == port:
            return f"{note.name} of this workshop (`python3 start.py ps` lists it)"
    if not has_server(port):
        return "the system, which reserves it"
    if sys.platform == "darwin" and port == PREFERRED_PORT:
        return "another program (on macOS usually AirPlay Receiver, see the README)"
    return "another program"
