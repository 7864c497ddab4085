"""bare.py as a separate process."""

import os
import subprocess
import sys
import threading

from tests import forked
from tests.final_app.rig import READY_TIMEOUT, Server
from workshop import paths

CODE = "WIRE_CODE"  # names the folder whose final_app is served: test_mutants.py sets it


class Bare(Server):
    """bare.py on a free port. `options` are the options of its command line."""

    def __init__(self, *options: str) -> None:
        super().__init__(paths.ROOT)
        self.options = options

    def start(self) -> "Bare":
        code = os.environ.get(CODE, str(paths.ROOT))
        self.process = forked.popen(
            [sys.executable, str(forked.BARE), str(self.port), *self.options],
            cwd=code, stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": code, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        )  # fmt: skip
        ready = threading.Event()
        threading.Thread(target=self._read, args=(self.process, ready), daemon=True).start()
        assert ready.wait(READY_TIMEOUT) and self.port, "\n".join(self.log)
        return self

    @property
    def tracebacks(self) -> list[str]:
        """The lines of the log about errors in the server."""
        return [line for line in self.log if "Traceback" in line or "Error" in line.split(":")[0]]

    @property
    def complaints(self) -> list[str]:
        """The lines of the log about connections that broke a rule."""
        return [line for line in self.log if line.startswith("ERROR ")]
