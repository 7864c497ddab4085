"""A JupyterLab that is started as by `start.py notebooks`, and the address that it prints."""

import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import websocket

from workshop.run import taken

ADDRESS = re.compile(r"(http://localhost:(\d+)/(\S*))\?token=(\w+)")
START_TIMEOUT_S = 60
END_TIMEOUT_S = 15


class Lab:
    """A running JupyterLab. `address` is the printed one, without its token."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.printed = ""
        assert process.stdout
        for line in process.stdout:
            self.printed += line
            found = ADDRESS.search(line)
            if found:
                self.address, self.port, self.path, self.token = found.groups()
                self.root = f"http://localhost:{self.port}/"
                # It prints the address a moment before it listens there.
                while process.poll() is None and not taken(int(self.port)):
                    pass
                return
        raise AssertionError(f"JupyterLab printed no address:\n{self.printed}")

    def ask(self, path: str, method: str = "GET") -> str:
        request = urllib.request.Request(
            f"{self.root}{path}", method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(answer.read().decode())

    def end(self) -> str:
        """Stop this JupyterLab. Return what it has printed after its address."""
        self.process.terminate()
        return self.process.communicate(timeout=END_TIMEOUT_S)[0]

    def in_a_terminal(self, command: str) -> str:
        """Type a command into a new terminal of this JupyterLab. Return the output until it ends."""
        name = json.loads(self.ask("api/terminals", "POST"))["name"]
        address = f"ws://127.0.0.1:{self.port}/terminals/websocket/{name}?token={self.token}"
        terminal = websocket.create_connection(address, timeout=20)
        # The terminal echoes what is typed, so the word that ends the wait must not be in it.
        terminal.send(json.dumps(["stdin", f"{command}; echo E''ND\r"]))
        shown = ""
        while "END" not in shown:
            kind, *text = json.loads(terminal.recv())
            shown += text[0] if kind == "stdout" else ""
        terminal.close()
        return shown


@contextmanager
def running_lab(*options: str, **environment: str) -> Iterator[Lab]:
    """Start `workshop notebooks` without a browser, and stop it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "workshop", "notebooks", "--no-browser", *options],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    give_up = threading.Timer(START_TIMEOUT_S, process.kill)
    give_up.start()
    try:
        lab = Lab(process)
        give_up.cancel()
        yield lab
    finally:
        give_up.cancel()
        process.terminate()
        process.wait(END_TIMEOUT_S)
        if process.stdout:
            process.stdout.close()
