"""A process that has imported what a server needs, and forks one whenever a test asks for it.

When a server starts, imports take nine tenths of the CPU time. A forked server is a process like one
that `python -m …` starts, with its own environment, folder, umask, input and output. Orders arrive
through the socket at standard input, with the descriptors of four pipes: the server's input, output and
errors, and its status, which is its process id and, when it has ended, its exit code.

    python -m tests.nursery chat      final_app, which gevent has patched, with cheap password hashes
    python -m tests.nursery copy      a copy of final_app, so only the libraries are imported
    python -m tests.nursery command   `flask --app final_app …`
    python -m tests.nursery step      the steps, and the process that holds a check's pages
"""

import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

LARGEST = 1_000_000  # bytes of an order
PIPES = 4
MODULES = {
    "step": ("flask.cli", "flask_migrate", "flask_socketio", "flask_sqlalchemy", "flask_wtf",
             "requests", "socketio_browser", "sqlalchemy.dialects.sqlite", "websocket",
             "werkzeug.debug", "werkzeug.serving", "workshop.serve"),
    "command": ("final_app", "flask.cli", "flask_migrate", "sqlalchemy.dialects.sqlite"),
}  # fmt: skip
LIBRARIES = ("alembic.command", "argon2", "flask.cli", "flask_migrate", "flask_socketio",
             "flask_sqlalchemy", "gevent.pywsgi", "markdown_it", "nh3", "PIL.Image", "pydantic",
             "socketio_browser", "sqlalchemy.dialects.sqlite", "websockets.server")  # fmt: skip
fork, waitpid, close = os.fork, os.waitpid, os.close  # before gevent replaces them


def main(kind: str) -> None:
    """Handle orders until the socket closes."""
    orders = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    if kind in ("chat", "copy"):
        begin = import_chat(whole=kind == "chat")
    else:
        begin = import_modules(MODULES[kind])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a nurse ended
    while True:
        order, pipes, *_ = socket.recv_fds(orders, LARGEST, PIPES)
        if not order:
            return
        if fork() == 0:
            orders.close()
            if nurse(*pipes):
                sys.exit(begin(become(json.loads(order))))
            os._exit(0)
        for pipe in pipes:
            close(pipe)


def import_chat(*, whole: bool) -> Callable[[str], Any]:
    """Import the chat, or only its libraries. Return what starts a program that is based on it."""
    import functools

    import argon2

    cheap = functools.partial(argon2.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    argon2.PasswordHasher = cheap  # type: ignore[misc, assignment]
    from gevent import monkey, reinit

    if whole:
        import_module("final_app.__main__")
    else:
        monkey.patch_all()
        for module in LIBRARIES:
            import_module(module)
    from workshop import finished

    # A real thread waits for the end of the parent: in the stage itself, it starts before gevent.
    start = monkey.get_original("_thread", "start_new_thread")
    finished._thread = SimpleNamespace(start_new_thread=start)  # type: ignore[assignment]

    def begin(name: str) -> Any:
        reinit()  # gevent's loop, which this process shares with its parent until now
        if name == "workshop.finished":
            return finished.main()
        return import_module("final_app.__main__").main()

    return begin


def import_modules(names: tuple[str, ...]) -> Callable[[str], Any]:
    """Import what a step or a command uses, and return what starts one."""
    for module in names:
        import_module(module)
    from flask.cli import main as flask

    def begin(name: str) -> Any:
        return flask() if name == "flask" else runpy.run_path(name, run_name="__main__")

    return begin


def nurse(feed: int, output: int, errors: int, status: int) -> bool:
    """Fork once more. Return True in the server, and in its parent return False when the server ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    server = fork()
    if server == 0:
        for number, pipe in enumerate((feed, output, errors)):
            os.dup2(pipe, number)
    for pipe in {feed, output, errors}:
        close(pipe)
    if server:
        os.write(status, f"{server}\n".encode())
        _, ended = waitpid(server, 0)
        os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
    close(status)
    return server == 0


def become(order: dict[str, Any]) -> str:
    """Set up everything that a process gets from the process that starts it. Return what to run."""
    os.environ.clear()
    os.environ.update(order["environment"])
    if order["umask"] >= 0:
        os.umask(order["umask"])
    if order["folder"]:
        os.chdir(order["folder"])
    place = str(Path.cwd())
    match order["command"]:
        case ["-c", _, *arguments]:
            program = "final_app"
        case ["-m", program, *arguments]:
            pass
        case [program, *arguments]:
            place = str(Path(program).parent)
    sys.argv, sys.path[0] = [program, *arguments], place
    return str(program)


if __name__ == "__main__":
    main(sys.argv[1])
