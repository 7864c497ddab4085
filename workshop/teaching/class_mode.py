"""`workshop class`: serve a stage to the local network, for phones and other computers, for two hours.

    workshop class            # your own chat
    workshop class 05         # a step
    workshop class --hours 6  # for longer than two hours
    open_class("mine")        # the same from a notebook

Nothing else in the workshop accepts connections from other machines. Class mode has no debugger and
does not reload. People need a join code (`workshop.teaching.door`), and the number of connections is
limited.
"""

import contextlib
import io
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import psutil  # type: ignore[import-untyped]
import segno
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from workshop import embed, running
from workshop.environments import PLAIN
from workshop.run import PREFERRED_PORT, end, free, free_port
from workshop.serve import create_app
from workshop.stages import StageFailed, answers, child_environment, describe, locate_served
from workshop.teaching.board import Board
from workshop.teaching.door import ClassDoor, new_code
from workshop.views import View, box

EVERYWHERE = "0.0.0.0"  # because class mode is for other machines
HOURS, MOST_HOURS = 2.0, 10.0
SILENCE = 40.0  # seconds; Engine.IO sends a ping every 25
CONNECTIONS = 200  # in total; a page keeps one open, and needs a few more to load its files
CONNECTIONS_OF_ONE = 12  # from one address
CODE = "WORKSHOP_CLASS_CODE"
WHITE_ON_BLACK, RESET = "\x1b[38;5;231;48;5;16m", "\x1b[0m"  # not changed by a terminal's theme
START_TIMEOUT, POLL = 30.0, 0.1  # seconds
# The names of this machine in its local network. The machine can also be reached at its addresses.
NAMES = (socket.gethostname(), f"{socket.gethostname()}.local")

WHAT_OTHERS_CAN_DO = (
    "Everybody who has the code can now read and write in this chat. The connections are not encrypted, "
    "so anybody on the same network can read what is sent. Do not use a password that you use elsewhere."
)

BOARD = """
Your board, which opens only on this computer: {page}
Learners who want to appear on it type
  in a terminal:     python3 start.py check 05 --class {address}
  in each notebook:  share_progress("{address}")"""


class ClassServer(ThreadedWSGIServer):
    """Werkzeug's server with limits on the number of connections, in total and from each address."""

    daemon_threads = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        address = client_address[0]
        with self._lock:
            is_full = self._open.total() >= CONNECTIONS
            if is_full or self._open[address] >= CONNECTIONS_OF_ONE:
                return self.shutdown_request(request)
            self._open[address] += 1
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open[client_address[0]] -= 1
                self._open += Counter()  # removes the addresses that have no connections


class Handler(WSGIRequestHandler):
    """Closes silent connections, and logs no requests, so that the join code stays on the screen."""

    timeout = SILENCE

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing."""

    def log_error(self, format: str, *args: object) -> None:
        """Print nothing. Many phones first try HTTPS, which is no valid request here."""


def serve(which: str, port: int | None = None, hours: float = HOURS) -> int:
    """Serve a stage to the local network for some hours or until Ctrl+C, and return the exit code.

    Raises LookupError if the stage is unknown, if there are too many hours, or if other machines in the
    local network cannot reach this machine.
    """
    if not 0 < hours <= MOST_HOURS:
        raise LookupError(
            f"Class mode cannot last {hours:g} hours.\nExpected: more than 0 and at most "
            f"{MOST_HOURS:g} hours."
        )
    name, folder = locate_served(which)
    if folder.name == "final_app":
        raise LookupError(
            "`class` serves a step or your own chat.\nWhat to do: to serve the finished application to "
            "others, read docs/running.md."
        )
    hosts, code = addresses(), os.environ.pop(CODE, "") or new_code()
    is_tied = os.environ.get("WORKSHOP_TIED") == "1"  # a notebook started it
    chosen, reason = (free(port), "") if port else free_port(PREFERRED_PORT)
    token = os.environ.get("WORKSHOP_TOKEN") or secrets.token_hex(8)
    os.environ |= child_environment(folder, sign=describe(name), token=token, tied=is_tied)
    os.chdir(folder)
    board = Board()
    app = create_app(lambda wsgi: ClassDoor(board.before(wsgi), code, [*hosts, *NAMES]))
    server = ClassServer(EVERYWHERE, chosen, app, Handler)
    running.record(os.getpid(), name, folder, chosen, token, by="`class`")
    if reason:
        print(reason)
    print(Invitation(name, [f"http://{host}:{chosen}" for host in hosts], code, hours))
    print(
        BOARD.format(
            page=f"http://127.0.0.1:{chosen}{board.path}", address=f"{hosts[0]}:{chosen}/{code}"
        ),
        flush=True,
    )
    ending = threading.Timer(hours * 3600, server.shutdown)
    ending.daemon = True
    ending.start()
    try:
        server.serve_forever()  # also returns after Ctrl+C
    finally:
        ending.cancel()
        running.forget(os.getpid())
    print("Class mode has ended. Nobody else can reach this chat anymore.")
    return 0


def addresses() -> list[str]:
    """Return the IPv4 addresses of this machine in local networks. The most likely one comes first.

    Raises LookupError if there is none, or if this machine is a hub or a Codespace.
    """
    if embed.hub_prefix() or embed.codespace_host(0):
        raise LookupError(
            "Class mode does not work on a hub or in a Codespace.\nExpected: your own computer, on the "
            "same network as the phones.\nWhat to do: install the workshop there."
        )
    every = [
        address.address
        for card, all_of_it in psutil.net_if_addrs().items()
        if (state := psutil.net_if_stats().get(card)) and state.isup
        for address in all_of_it
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    ]
    if not every:
        raise LookupError(
            "This computer is not on a network.\nExpected: an address such as 192.168.1.20.\n"
            "What to do: connect it to the same Wi-Fi as the phones."
        )
    preferred = _address_of_default_route()
    return sorted(dict.fromkeys(every), key=lambda address: address != preferred)


def _address_of_default_route() -> str:
    """Return the address that this machine uses to send to other networks. No packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # an address that is reserved for documentation
        return str(probe.getsockname()[0])
    return ""


@dataclass(frozen=True)
class Invitation:
    """The information that people need to join the class. When printed, it includes a QR code."""

    stage: str
    urls: list[str]
    code: str
    hours: float

    def __str__(self) -> str:
        others = "".join(f"\nIf that does not work, try {url}" for url in self.urls[1:])
        return (
            f"{describe(self.stage)} is open to your local network.\n\n{self._blocks}\n"
            f"Address:   {self.urls[0]}\nJoin code: {self.code}{others}\n\n{WHAT_OTHERS_CAN_DO}\n"
            f"Class mode ends after {self.hours * 60:g} minutes, or when you press Ctrl+C."
        )

    @property
    def view(self) -> View:
        """The invitation in a form for notebooks. Its text is the same on every machine."""
        text = (
            f"{describe(self.stage)} is open to your local network, for people with the join code."
        )
        rows = f"Address: <b>{self.urls[0]}</b><br>Join code: <b><code>{self.code}</code></b>"
        rows += "".join(f"<br>If that does not work, try {url}" for url in self.urls[1:])
        picture = self._qr.svg_inline(scale=5, border=3, light="white", dark="black")
        words = f"<p>{rows}</p><p>{WHAT_OTHERS_CAN_DO}</p>"
        return View(text, box(f'<div style="padding: .8em">{picture}{words}</div>', text))

    @property
    def _blocks(self) -> str:
        """The QR code for a terminal. Its light parts are blocks in the terminal's text color.

        Many phones cannot read a QR code with swapped colors, which a light terminal would show. So
        the lines choose their own colors, except on Windows, where an old console would show the codes
        for colors as text.
        """
        picture = io.StringIO()
        self._qr.terminal(out=picture, compact=True, border=2)
        if os.name == "nt" or not sys.stdout.isatty():
            return picture.getvalue()
        lines = picture.getvalue().splitlines()
        return "".join(f"{WHITE_ON_BLACK}{line}{RESET}\n" for line in lines)

    @property
    def _qr(self) -> segno.QRCode:
        return segno.make(f"{self.urls[0]}/join?code={self.code}", error="m")


class OpenClass:
    """A stage that a notebook has opened to the local network. It shows its invitation."""

    def __init__(self, invitation: Invitation, process: subprocess.Popen[bytes]) -> None:
        self.invitation, self._process = invitation, process

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return self.invitation.view._repr_mimebundle_()

    def __repr__(self) -> str:
        return self.invitation.view.text

    def stop(self) -> None:
        """End class mode. It also ends with the notebook."""
        end(self._process)


def open_class(which: str = "mine") -> OpenClass:
    """Open a stage to the local network from a notebook, with a separate server on another port.

    Raises LookupError like `serve`, and StageFailed if the server does not start.
    """
    name, folder = locate_served(which)
    hosts, code, token = addresses(), new_code(), secrets.token_hex(8)
    port, _ = free_port(PREFERRED_PORT)
    settings = {CODE: code, "WORKSHOP_TIED": "1", "WORKSHOP_TOKEN": token}
    command = [sys.executable, "-m", "workshop", "class", name, "--port", str(port)]
    log = tempfile.TemporaryFile()  # noqa: SIM115  # the child writes to it until it ends
    process = subprocess.Popen(
        command, cwd=folder, env=os.environ | PLAIN | settings, stdin=subprocess.PIPE,
        stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    deadline = time.monotonic() + START_TIMEOUT
    while not answers(f"http://127.0.0.1:{port}", token):
        if process.poll() is not None or time.monotonic() > deadline:
            end(process)
            log.seek(0)
            raise StageFailed(name, log.read().decode(errors="replace"))
        time.sleep(POLL)
    urls = [f"http://{host}:{port}" for host in hosts]
    return OpenClass(Invitation(name, urls, code, HOURS), process)
