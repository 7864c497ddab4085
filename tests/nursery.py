"""A process that has imported what a server needs, and forks one whenever a test asks for it.

When a server starts, imports take nine tenths of the CPU time. A forked server is a process like one
that `python -m …` starts, with its own environment, folder, umask, input and output. Orders arrive
through a socket (a descriptor, the second argument), with the descriptors of four pipes: the server's
input, output and errors, and its status, which is its process id and, when it has ended, its exit code.

    python -m tests.nursery chat 3      final_app, which gevent has patched, with cheap password hashes,
                                        workshop.tiny, and tests/wire/bare.py
    python -m tests.nursery copy 3      a copy of final_app, so only the libraries are imported
    python -m tests.nursery command 3   `flask --app final_app …`
    python -m tests.nursery step 3      the steps, and the process that holds a check's pages
"""

import gc
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from select import select  # before gevent replaces it
from types import SimpleNamespace
from typing import Any

LARGEST = 1_000_000  # bytes of an order
PIPES = 4
POLL = 0.1  # seconds, so that no test waits for the next time that the chat looks for commands
EVERYWHERE = ("encodings.unicode_escape", "engineio.async_drivers.threading", "flask.cli",
              "flask_migrate", "flask_socketio", "flask_sqlalchemy.cli", "flask_wtf",
              "simple_websocket", "socketio_browser.bounds", "sqlalchemy.dialects.sqlite")  # fmt: skip
MODULES = {
    "step": (*EVERYWHERE, "justhtml", "py_mini_racer", "requests", "websocket", "werkzeug.debug",
             "werkzeug.serving", "workshop.serve"),
    "command": EVERYWHERE,
    "copy": (*EVERYWHERE, "alembic.command", "argon2", "engineio.async_drivers.gevent",
             "gevent.pywsgi", "markdown_it", "nh3", "PIL.Image", "pydantic", "websockets.server"),
}  # fmt: skip
fork, waitpid, close = os.fork, os.waitpid, os.close  # before gevent replaces them


def main(kind: str, orders: socket.socket) -> None:
    """Handle orders until standard input closes."""
    is_chat = kind in ("chat", "copy")
    begin = import_chat(whole=kind == "chat") if is_chat else import_modules(kind)
    gc.freeze()  # so that a forked process never visits or copies what was imported before
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a nurse ended
    while orders in select([0, orders], [], [])[0]:
        order, pipes, *_ = socket.recv_fds(orders, LARGEST, PIPES)
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

    monkey.patch_all()
    for module in MODULES["copy"]:
        import_module(module)
    if whole:
        import_final_app()
        import_module("final_app.__main__")
    from workshop import finished, tiny

    # A real thread waits for the end of the parent: in the stage itself, it starts before gevent.
    start = monkey.get_original("_thread", "start_new_thread")
    for stage in (finished, tiny):
        stage._thread = SimpleNamespace(start_new_thread=start)  # type: ignore[attr-defined]

    def begin(name: str) -> Any:
        reinit()  # gevent's loop, which this process shares with its parent until now
        if name.startswith("workshop."):
            return (tiny if name == "workshop.tiny" else finished).main()
        if name.endswith(".py"):
            return run_script(name)
        program = import_module("final_app.__main__")
        program.startup.outbox.POLL = POLL
        return program.main()

    return begin


def import_modules(kind: str) -> Callable[[str], Any]:
    """Import what a step or a command uses, and return what starts one."""
    for module in MODULES[kind]:
        import_module(module)
    if kind == "command":
        import_final_app()
    from flask.cli import main as flask

    def begin(name: str) -> Any:
        return flask() if name == "flask" else run_script(name)

    return begin


def run_script(path: str) -> None:
    runpy.run_path(path, run_name="__main__")


def import_final_app() -> None:
    """Import all its modules, most of which `create_app` would import otherwise."""
    import final_app

    for module in pkgutil.walk_packages(final_app.__path__, "final_app."):
        if not module.name.endswith("__main__") and ".migrations" not in module.name:
            import_module(module.name)


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
    main(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
