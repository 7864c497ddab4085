"""The servers in the comparison: how to start each of them, and what the generator has to know."""

import contextlib
import dataclasses
import importlib.metadata
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.generator import CannotMeasure

ROOT = Path(__file__).parent.parent
PEERS = Path(__file__).parent / "peers"
NODE_FOLDER = Path.home() / ".cache" / "chat-workshop" / "node"
DISK = ROOT / "build"  # a folder that git ignores; a temporary folder may be in memory
PEOPLE = 25  # accounts of the chat; each can have 50 sockets
READY_PATIENCE, STOP_PATIENCE = 30.0, 10.0  # seconds
SETTLE = 0.3  # seconds after the port is open


@dataclasses.dataclass(frozen=True)
class Server:
    """A server to measure. `command` contains PORT. `data` is copied for each start."""

    name: str
    what: str
    command: list[str]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    data: Path | None = None
    options: dict[str, Any] = dataclasses.field(default_factory=dict)  # of the generator


@dataclasses.dataclass(frozen=True)
class Running:
    port: int
    pids: list[int]


@contextlib.contextmanager
def started(server: Server, log: Path) -> Iterator[Running]:
    """Start a server on a free port with fresh data, and stop it afterwards. Raises CannotMeasure."""
    with contextlib.ExitStack() as after, log.open("wb") as file:
        environment = os.environ | {"PYTHONPATH": str(ROOT)} | server.environment
        if server.data:
            fresh = after.enter_context(tempfile.TemporaryDirectory(dir=server.data.parent))
            shutil.copytree(server.data, fresh, dirs_exist_ok=True)
            environment["CHAT_DATA_DIR"] = fresh
        port = free_port()
        process = subprocess.Popen(
            [word.replace("PORT", str(port)) for word in server.command],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
        )  # fmt: skip
        after.callback(_stop, process)
        _wait_until_ready(process, port, server.name, log)
        children = psutil.Process(process.pid).children(recursive=True)
        yield Running(port, [process.pid, *(child.pid for child in children)])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, name: str, log: Path) -> None:
    deadline = time.monotonic() + READY_PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            time.sleep(SETTLE)
            return
        time.sleep(0.05)
    raise CannotMeasure(f"{name} did not start: {log.read_text(errors='replace')[-500:]}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_PATIENCE)


# ---- which servers there are


def stock() -> Server:
    versions = " ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("Flask-SocketIO", "gevent", "simple-websocket")
    )
    return Server("stock", versions, [sys.executable, str(PEERS / "stock.py"), "PORT"])


def bare() -> Server:
    command = [sys.executable, str(PEERS / "bare.py"), "PORT"]
    return Server("wire", "`final_app.wire` with one handler", command)


def chat(folder: Path) -> Server:
    """Return the complete chat, with people and a room. All features are on, and the limits are high."""
    from tests.final_app import rig

    data = folder / "data"
    server = rig.Server(data).start()
    try:
        ada = rig.Person(server, "ada").begin()
        others = [rig.Person(server, f"p{n}").register(ada.invite()) for n in range(PEOPLE - 1)]
    finally:
        server.stop()
    cookies = folder / "cookies"
    cookies.write_text(
        "".join(f"chat_session={each.http.cookies['chat_session']}\n" for each in [ada, *others])
    )
    command = [sys.executable, "-m", "final_app", "--no-browser", "--port", "PORT"]
    return Server(
        "chat", "the whole `final_app`", command, rig.PLENTY, data,
        {"room": 1, "cookies": str(cookies)},
    )  # fmt: skip


def node(folder: Path) -> Server:
    """Return Socket.IO for Node, from the packages in this folder. Raises CannotMeasure."""
    program = shutil.which("node")
    packages = folder.resolve() / "node_modules"
    if program is None:
        raise CannotMeasure("Node's Socket.IO is left out, because there is no program named node.")
    if not (packages / "socket.io").is_dir():
        raise CannotMeasure(
            f"Node's Socket.IO is left out, because it is not in {folder}. To add it, run: "
            f"npm install --prefix {folder} socket.io"
        )
    ask = f"process.version + ', ' + require('{packages}/socket.io/package.json').version"
    found = subprocess.run([program, "-p", ask], capture_output=True, text=True)
    version, _, package = found.stdout.strip().partition(", ")
    environment = {"NODE_PATH": str(packages), "NODE_ENV": "production"}
    what = f"Socket.IO {package} on Node {version.lstrip('v')}"
    return Server("Node", what, [program, str(PEERS / "node.js"), "PORT"], environment)


def yardstick(program: Path) -> Server:
    return Server("yardstick", "`yardstick.c`, the least work possible", [str(program), "PORT"])
