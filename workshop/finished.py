"""`python -m workshop.finished`: the finished application as a stage of a notebook.

This module runs `python -m final_app` in the current folder, on a free port. Each response also contains
the stage's token, so that a notebook can recognize the stage. The application works behind Jupyter's
prefix. It ends together with the notebook, because the pipe of its standard input is then closed.
"""

import _thread  # instead of threading, which gevent patches when final_app starts
import os
import sys
from importlib import import_module
from typing import Any

from workshop.lean import WithoutAsyncio


def end_with_parent() -> None:
    """Exit as soon as standard input closes. This happens however the parent process ends.

    It reads the descriptor. If a thread held the lock of sys.stdin, an exiting reloader would crash.
    """
    while os.read(0, 1024):
        pass
    os._exit(0)


def main() -> int:
    """Serve until standard input closes. Return the exit code of `python -m final_app`."""
    _thread.start_new_thread(end_with_parent, ())
    os.umask(0o077)  # only the owner can read what it stores
    sys.meta_path.insert(0, WithoutAsyncio())
    program: Any = import_module("final_app.__main__")  # patches before other imports

    make = program.create_app

    def create_app() -> Any:
        from workshop.serve import identify, redirect_relatively

        app = make()
        app.after_request(identify)
        app.after_request(redirect_relatively)
        return app

    program.create_app = create_app
    code: int = program.main()
    return code


if __name__ == "__main__":
    sys.exit(main())
