"""A Jupyter server for one test module."""

import os
import re
import secrets
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from workshop.run import taken
from workshop.stages import Stage

START_TIMEOUT = 60.0  # seconds; Jupyter imports much on a slow laptop
STOP_TIMEOUT = 60.0  # seconds, on a busy machine
HUB = "/user/ada/"  # where a JupyterHub puts the server of one person
TOKEN = secrets.token_hex(8)


class Jupyter:
    """A separate Jupyter server, with a free port and none of this machine's settings.

    `program` is the module to run, and `folder` is the folder that it shows. `prefix` is the
    beginning of its addresses. If this is not "/", the server looks like one on a hub.
    """

    def __init__(self, program: str, folder: Path, prefix: str, *options: str) -> None:
        own = {f"JUPYTER_{kind}_DIR": str(folder / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
        hub = {} if prefix == "/" else {"JUPYTERHUB_SERVICE_PREFIX": prefix}
        self.prefix = prefix
        self._said: list[str] = []
        self._ready = threading.Event()
        self.address = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", program, "--no-browser", "--allow-root", "--port=0",
             "--ServerApp.ip=127.0.0.1", f"--ServerApp.base_url={prefix}",
             f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}", *options],
            env=os.environ | own | hub, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()
        self._ready.wait(START_TIMEOUT)
        if not self.address:
            self.process.kill()
            raise RuntimeError("Jupyter did not start. It printed:\n" + "\n".join(self._said))
        # It prints the address a moment before it listens there.
        while self.process.poll() is None and not taken(urlsplit(self.address).port or 0):
            pass

    def proxied(self, chat: Stage, path: str) -> str:
        return f"{self.address}proxy/{chat.port}{path}"

    def stop(self) -> None:
        """Stop the server. Fail if it, or a process that it started, still exists."""
        family = psutil.Process(self.process.pid)
        family = [family, *family.children(recursive=True)]
        self.process.terminate()
        _, left = psutil.wait_procs(family, timeout=STOP_TIMEOUT)
        left = [process for process in left if not is_dead(process)]
        for process in left:
            process.kill()
        assert not left, f"still running after {STOP_TIMEOUT:.0f} s: {left}"

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.append(line.rstrip())
            found = re.search(rf"http://127\.0\.0\.1:\d+{self.prefix}", line)
            if found:
                self.address = found.group()
                self._ready.set()
        self._ready.set()  # it ended: do not wait for nothing


def is_dead(process: psutil.Process) -> bool:
    """Return whether a process has ended, even if nobody has collected its exit code yet."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
