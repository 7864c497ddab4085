"""A process that has imported the chat, and forks a server whenever a test asks for one.

When a server starts, imports take nine tenths of the CPU time. A forked server is a process like one
that `python -m final_app` starts, with its own environment, umask, folder and output. Orders arrive
through the socket at standard input, together with the descriptors of two pipes. One is for the
server's output. The other is for its status: its process id and, when it has ended, its exit code.
"""

import json
import os
import signal
import socket
import sys
from typing import Any

LARGEST = 1_000_000  # bytes of an order
fork, waitpid, close = os.fork, os.waitpid, os.close  # before gevent replaces them


def main() -> None:
    """Handle orders until the socket closes."""
    orders = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    program, reinit = imported()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a nurse ended
    while True:
        order, pipes, *_ = socket.recv_fds(orders, LARGEST, 2)
        if not order:
            return
        if fork() == 0:
            orders.close()
            if nurse(*pipes):
                become(json.loads(order))
                reinit()  # gevent's loop, which this process shares with its parent until now
                sys.exit(program.main())
            os._exit(0)
        for pipe in pipes:
            close(pipe)


def imported() -> tuple[Any, Any]:
    """Import the chat, with cheap password hashes if CHEAP_HASHES is set."""
    import functools

    import argon2

    cheap = functools.partial(argon2.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    argon2.PasswordHasher = cheap  # type: ignore[misc, assignment]
    from gevent import reinit

    import final_app.__main__ as program

    return program, reinit


def nurse(output: int, status: int) -> bool:
    """Fork once more. Return True in the server, and in its parent return False when the server ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    server = fork()
    if server == 0:
        os.dup2(output, 1)
        os.dup2(output, 2)
    close(output)
    if server:
        os.write(status, f"{server}\n".encode())
        _, ended = waitpid(server, 0)
        os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
    close(status)
    return server == 0


def become(order: dict[str, Any]) -> None:
    """Set up everything that a process gets from the process that starts it."""
    sys.argv = ["final_app", *order["arguments"]]
    os.environ.clear()
    os.environ.update(order["environment"])
    os.umask(order["umask"])


if __name__ == "__main__":
    main()
