"""The chat as a separate process, and people who use it over HTTP and over sockets."""

import io
import os
import queue
import re
import signal
import stat
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

import requests
import socketio
from flask import Flask
from PIL import Image
from sqlalchemy import create_engine, text

from final_app import config, create_app
from final_app.storage import database
from tests.final_app import databases
from tests.forked import CHEAP_HASHES, Forked, popen
from workshop import in_order, paths

READY_TIMEOUT = 90.0  # seconds, on a busy machine
STOP_TIMEOUT = 60.0  # seconds, on a busy machine
ANSWER_TIMEOUT = 20.0  # seconds
PASSWORD = "correct horse battery"
PLENTY = {  # tests are quicker than people
    "CHAT_LIMIT_MESSAGES": "100000 per second",
    "CHAT_LIMIT_UPLOADS": "100000 per second",
    "CHAT_LIMIT_ACTIONS": "100000 per second",
    "CHAT_LIMIT_READS": "100000 per second",
    "CHAT_LIMIT_LOGINS": "100000 per second",
    "CHAT_LIMIT_LOGINS_ADDRESS": "100000 per second",
}
# Most shells let everybody read what a program makes; Windows has no modes of this kind.
HAS_MODES = os.name == "posix"
SHELL: dict[str, Any] = {"umask": 0o022} if HAS_MODES else {}
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"|name="csrf-token" content="([^"]+)"')


def png(width: int = 40, height: int = 30, kind: str = "PNG", **more: Any) -> bytes:
    """Return an image of one colour. Pillow gets the arguments in `more`, such as exif=…"""
    file = io.BytesIO()
    Image.new("RGB", (width, height), (31, 95, 191)).save(file, kind, **more)
    return file.getvalue()


def assert_private(folder: Path, *, least: int) -> None:
    """Assert that only the owner can access a folder and its contents (at least this many items)."""
    paths = [folder, *folder.rglob("*")]
    found = {str(path): stat.filemode(path.stat().st_mode) for path in paths}
    assert len(found) >= least, found
    assert {path: mode for path, mode in found.items() if not mode.endswith("------")} == {}


def application(folder: Path, **settings: str) -> Flask:
    """The chat in this process, with its tables, for tests that need no second process."""
    app = create_app(config.read(PLENTY | {"CHAT_DATA_DIR": str(folder)} | settings))
    with app.app_context():
        database.upgrade()
    return app


def ended(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Start the chat in the foreground. It must stop by itself."""
    command = [sys.executable, "-c", CHEAP_HASHES, "--no-browser", "--port", "0"]
    process = popen(
        command, cwd=paths.ROOT, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    return finished(process)


def finished(
    process: "subprocess.Popen[str] | Forked", feed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Write to a process and wait for its end. If it does not end, kill it and raise TimeoutExpired."""
    try:
        told, problems = process.communicate(feed, timeout=STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return subprocess.CompletedProcess(process.args, process.wait(), told, problems)


class Server:
    """`python -m final_app` on a free port. Its data folder still exists after it stops.

    It listens at `host`, and its umask is that of a shell. `code` is the folder that contains
    final_app: the repository, or a mutant. Passwords are hashed cheaply unless `as_shipped` is set.
    """

    def __init__(
        self, folder: Path, *, code: Path = paths.ROOT, as_shipped: bool = False,
        host: str = "127.0.0.1", **settings: str,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.host = host
        self.code = code
        self.program = ["-m", "final_app"] if as_shipped else ["-c", CHEAP_HASHES]
        self.settings = PLENTY | {"CHAT_DATABASE_URL": databases.new_url()} | settings
        self.port = 0
        self.log: list[str] = []
        self.process: subprocess.Popen[str] | Forked | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Server":
        """Start the server, on the same port as before, and wait until it has printed its address."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CHAT_")}
        own = {"CHAT_DATA_DIR": str(self.folder), "PYTHONUNBUFFERED": "1"}
        self.process = self._launch(
            ["--no-browser", "--host", self.host, "--port", str(self.port)],
            environment | own | self.settings,
        )
        ready = threading.Event()
        threading.Thread(target=self._read, args=(self.process, ready), daemon=True).start()
        assert ready.wait(READY_TIMEOUT) and self.port, "\n".join(self.log)
        return self

    def _launch(
        self, options: list[str], environment: dict[str, str]
    ) -> "subprocess.Popen[str] | Forked":
        return popen(
            [sys.executable, *self.program, *options],
            cwd=self.code, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", **SHELL,
        )  # fmt: skip

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop the server with a signal, and wait until it has ended."""
        if self.process is None:
            return
        self.process.send_signal(number)
        self.process.wait(STOP_TIMEOUT)
        self.process = None

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `flask --app final_app …` on the same data."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CHAT_")}
        process = popen(
            [sys.executable, "-m", "flask", "--app", "final_app", *words],
            cwd=self.code, env=environment | {"CHAT_DATA_DIR": str(self.folder)} | self.settings,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            encoding="utf-8", **SHELL,
        )  # fmt: skip
        return finished(process, stdin)

    def sql(self, statement: str, *values: dict[str, Any]) -> list[Any]:
        """Do something to the database as another program would, once for each of `values`."""
        url = self.settings["CHAT_DATABASE_URL"] or f"sqlite:///{self.folder / 'chat.db'}"
        engine = create_engine(url, connect_args={"timeout": 20} if "sqlite" in url else {})
        with engine.begin() as connection:
            found = connection.execute(text(statement), list(values) or None)
            rows = list(found) if found.returns_rows else []
        engine.dispose()
        return rows

    def first_run_code(self) -> str:
        """Return the code for the first-run page that the server printed, or ""."""
        found = re.search(r"enter this code .*: (\S+)$", "\n".join(self.log), re.MULTILINE)
        return found[1] if found else ""

    def _read(self, process: "subprocess.Popen[str] | Forked", ready: threading.Event) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.log.append(line.rstrip())
            found = re.search(r"The chat is at http://[^:]+:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                ready.set()
        ready.set()


class Person:
    """Somebody with a browser's cookies and, after `connect`, a socket."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.http = requests.Session()
        self.http.trust_env = False
        self.socket: socketio.Client | None = None
        self.id = 0  # known once `connect` was called
        self._heard: queue.Queue[tuple[str, Any]] = queue.Queue()

    # ---- over HTTP

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        return self.http.get(self.server.url + path, timeout=ANSWER_TIMEOUT, **kwargs)

    def form(self, path: str, page: str | None = None, **fields: str) -> requests.Response:
        """Open a page, fill in its form, and send the form to `path`."""
        token = self.token(page or path)
        return self.http.post(
            self.server.url + path, data=fields | {"csrf_token": token}, timeout=ANSWER_TIMEOUT
        )

    def ask(self, method: str, path: str, data: object = None) -> dict[str, Any]:
        """Send JSON in the same way as the page's script, and return the answer."""
        answer = self.call(method, path, data)
        assert isinstance(answer.json(), dict)
        found: dict[str, Any] = answer.json()
        return found

    def call(self, method: str, path: str, data: object = None) -> requests.Response:
        headers = {"Accept": "application/json"}
        if method != "GET":
            headers["X-CSRFToken"] = self.token("/account")
        return self.http.request(
            method, self.server.url + path, json=data, headers=headers, timeout=ANSWER_TIMEOUT
        )

    def send(self, room: object, name: str, content: bytes) -> requests.Response:
        """Upload a file, in the same way as the page."""
        return self.http.post(
            f"{self.server.url}/api/uploads", data={"room": room}, files={"file": (name, content)},
            headers={"X-CSRFToken": self.token("/account"), "Accept": "application/json"},
            timeout=ANSWER_TIMEOUT,
        )  # fmt: skip

    def upload(self, room: int, name: str, content: bytes) -> dict[str, Any]:
        """Upload a file, and return the answer."""
        answer: dict[str, Any] = self.send(room, name, content).json()
        return answer

    def token(self, page: str) -> str:
        """Return the CSRF token in a page."""
        found = TOKEN.search(self.get(page).text)
        assert found, f"no CSRF token on {page}"
        return found.group(1) or found.group(2)

    def begin(self) -> "Person":
        """Create the administrator of an empty installation."""
        code = self.server.first_run_code()
        self.form("/first-run", username=self.name, password=PASSWORD, code=code)
        return self

    def register(self, invite: str) -> "Person":
        where = f"/register?invite={invite}"
        self.form(where, username=self.name, password=PASSWORD, invite=invite)
        return self

    def log_in(self, password: str = PASSWORD) -> requests.Response:
        return self.form("/login", username=self.name, password=password)

    def invite(self) -> str:
        return str(self.ask("POST", "/api/invites")["code"])

    def history(self, room: int, **where: int) -> list[dict[str, Any]]:
        """Return the complete history of a room, oldest first."""
        messages: list[dict[str, Any]] = []
        after = 0
        while True:
            page = self.ask("GET", f"/api/rooms/{room}/messages?after={after}&limit=100")
            messages += page["messages"]
            if page["last"]:
                return messages
            after = messages[-1]["seq"]

    # ---- over the socket

    def connect(self) -> dict[str, Any]:
        """Open a socket with this person's cookies, and return the data of `welcome`."""
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.http.cookies)
        self.socket = in_order.Client(reconnection=False)
        self.socket.on("*", lambda event, data=None: self._heard.put((event, data)))
        self.socket.on("disconnect", lambda reason=None: self._heard.put(("disconnect", reason)))
        self.socket.connect(
            self.server.url, headers={"Cookie": cookies}, transports=["websocket"],
            wait_timeout=ANSWER_TIMEOUT,
        )  # fmt: skip
        welcome: dict[str, Any] = self.hear("welcome")
        self.id = int(welcome["me"]["id"])
        return welcome

    def tab(self) -> "Person":
        """Open another tab of the same browser: with the same cookies, but its own socket."""
        other = Person(self.server, self.name)
        other.http = self.http
        other.connect()
        return other

    def emit(self, event: str, data: object = None) -> dict[str, Any]:
        """Send an event and return its acknowledgement."""
        assert self.socket is not None
        answer: dict[str, Any] = self.socket.call(event, data, timeout=ANSWER_TIMEOUT)
        return answer

    def say(self, room: int, text: str, **more: Any) -> dict[str, Any]:
        """Send a message, and return the acknowledgement."""
        data = {"room": room, "client_id": str(uuid.uuid4()), "text": text}
        return self.emit("new_message", data | more)

    def hear(self, event: str) -> Any:
        """Return the data of the next `event`, ignoring the events before it."""
        while True:
            name, data = self._heard.get(timeout=ANSWER_TIMEOUT)
            if name == event:
                return data

    def heard(self) -> list[tuple[str, Any]]:
        """Return the events that have arrived. After an acknowledgement, these are all before it."""
        found = []
        while not self._heard.empty():
            found.append(self._heard.get())
        return found

    def told(self, *events: str) -> list[Any]:
        """Return the data of the events with these names.

        What was sent before an answer arrives before it.
        """
        assert self.emit("sync", {"rooms": {}})["ok"]
        return [data for event, data in self.heard() if event in events]

    def ending(self) -> list[tuple[str, Any]]:
        """Wait until the server has closed the socket.

        Return the events until then, and `disconnect`.
        """
        found = [self._heard.get(timeout=ANSWER_TIMEOUT)]
        while found[-1][0] != "disconnect":
            found.append(self._heard.get(timeout=ANSWER_TIMEOUT))
        return found

    def leave(self) -> None:
        if self.socket is not None and self.socket.connected:
            self.socket.disconnect()
