"""Run a stage of the chat as a child process: a step of the workshop, or the learner's own folder.

    chat = stage("05_broadcast")     # starts it, or returns the one that is already running
    chat.url                         # "http://127.0.0.1:49152"
    chat.stop()                      # optional: it also stops with the notebook

`workshop.groups` runs a stage as several processes.

The child is `flask run` on a free port of 127.0.0.1. For the finished application ("final_app") and a
learner's copy of it ("mine/final_app"), the child is `python -m final_app`. For the chats of lab 18,
such as "18_speed/finished" and "mine/speed", it is `workshop.tiny`. The child's standard input is a
pipe. When this process ends for any reason, the pipe closes, and the child exits (`workshop.serve`,
`workshop.finished`).

A step stores its data in a temporary folder, which is deleted when this process ends. If you stop and
start a stage, it keeps its data. If you start a new kernel, the data of a step is gone, but the
learner's own chat keeps its data.
"""

import atexit
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from workshop import embed, manifest, paths, running
from workshop.environments import PLAIN
from workshop.running import STAGE_HEADER

READY_TIMEOUT = 30.0  # seconds; on a slow laptop, imports take ten
STOP_TIMEOUT = 5.0  # seconds
LOG_TIMEOUT = 2.0  # seconds
LOG_LINES = 500
TEMPORARY = "workshop-chat"  # followed by the id of the process that created the folder
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
ADDRESS = re.compile(r"(?:Running on|The chat is at) http://(?:127\.0\.0\.1|localhost):(\d+)")
# What servers print if their port is taken. Windows uses the words of its own language.
TAKEN = re.compile(r"in use|Can't use port|WinError 10048")
# The finished application in a notebook: anybody can register, and a frame can show it.
IN_A_NOTEBOOK = {"CHAT_OPEN_REGISTRATION": "true", "CHAT_FRAME_ANCESTORS": "*"}
# A check is faster than people, so it needs higher limits.
UNHURRIED = {
    f"CHAT_LIMIT_{kind}": "100000 per second"
    for kind in ("MESSAGES", "ACTIONS", "LOGINS", "LOGINS_ADDRESS", "UPLOADS")
}
# What a learner can run: what has to exist in mine/, what to say if it does not, and what to do then.
OWN = {
    "mine": (
        "chat/app.py", "You have not started your own chat yet.",
        "start it as notebook 01 describes, or copy step 01 with `python3 start.py catch-up 01` "
        "(Windows: `py start.py catch-up 01`).",
    ),
    "mine/final_app": (
        "final_app", "You have no copy of final_app yet.", 'run `bring("final_app")` to copy it.',
    ),
    "mine/speed": (
        "speed", "You have no broadcast of your own yet.", 'run `bring("18_speed")` to copy it.',
    ),
    "mine/attack": (
        "attack/app.py", "You have no chat with holes yet.", 'run `bring("19_attack")` to copy it.',
    ),
    "mine/processes": (
        "processes/app.py", "You have no chat for several processes yet.",
        'run `bring("20_processes")` to copy it.',
    ),
}  # fmt: skip

ONLY_IN_A_NOTEBOOK = ("mine/speed", "mine/processes")  # they need another server, or PostgreSQL

popen: Callable[..., Any] = subprocess.Popen  # the tests fork instead, which takes less CPU time
_direct = build_opener(ProxyHandler({}))  # never ask a proxy for 127.0.0.1
_stages: dict[tuple[Path, bool], "Stage"] = {}
_started: list["Stage"] = []  # all that have to be stopped, however they were started
_temporary: list[Path] = []


class StageFailed(RuntimeError):
    """The stage did not start. The message contains what the stage printed, which is also in `log`."""

    def __init__(self, name: str, log: str) -> None:
        self.log = log
        super().__init__(
            f"{name} did not start.\nExpected: the server announces its address.\n"
            f"It printed:\n{log.strip() or '(nothing)'}\n"
            "What to do: read the last line above. It says what is wrong."
        )


def temporary_folder() -> Path:
    """Return a new, empty folder that is removed when this process ends."""
    if not _temporary:
        _remove_left_folders()
    folder = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY}-{os.getpid()}-"))
    _temporary.append(folder)
    return folder


def _remove_left_folders() -> None:
    """Remove the folders of killed processes, such as kernels that nbval kills."""
    import psutil  # type: ignore[import-untyped]  # here, because the doctor works without it

    for folder in Path(tempfile.gettempdir()).glob(f"{TEMPORARY}-*-*"):
        maker = folder.name.removeprefix(f"{TEMPORARY}-").partition("-")[0]
        if maker.isdigit() and not psutil.pid_exists(int(maker)):
            shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Stage:
    """One running copy of a stage. `name` is a step's name or "mine", and `folder` contains the code."""

    name: str
    folder: Path
    sign: str  # the text in the title and the footer; "" leaves the pages unchanged
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    port: int = 0
    data: Path | None = field(default_factory=temporary_folder)  # None: `instance`, next to app.py
    settings: dict[str, str] = field(default_factory=dict)  # more variables of its environment
    _process: subprocess.Popen[str] | None = None
    _log: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    _news: threading.Condition = field(default_factory=threading.Condition)
    _started_from: frozenset[tuple[str, float]] = frozenset()  # the files at the start, with times

    def __repr__(self) -> str:
        return f"<{self.name}: {'running' if self.alive else 'stopped'}>"

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_final_app(self) -> bool:
        """Return whether this stage is the finished application, or a learner's copy of it."""
        return self.folder.name == "final_app"

    @property
    def is_tiny(self) -> bool:
        """Return whether this stage is the small chat of lab 18."""
        return self.name == "mine/speed" or self.name.startswith("18_speed/")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def log(self) -> str:
        """What the server has printed so far (its last 500 lines)."""
        with self._news:
            return "\n".join(self._log)

    def await_log(self, *texts: str) -> None:
        """Wait until a line of the log contains these texts. A response can arrive before its line.

        Returns after LOG_TIMEOUT even if there is no such line.
        """
        with self._news:
            self._news.wait_for(
                lambda: any(all(text in line for text in texts) for line in self._log), LOG_TIMEOUT
            )

    def start(self) -> None:
        """Start the child, and wait until it answers with the stage's token.

        Raises StageFailed if it does not answer.
        """
        self._started_from = files_of(self.folder)
        _started.append(self)
        if self.name.startswith("mine"):
            # Python reuses byte code if the file has the same size and was last changed in the same
            # second. If somebody saves twice in a second, Python would run the old code.
            shutil.rmtree(self.folder / "__pycache__", ignore_errors=True)
        self._log.clear()
        command, where, settings = flask_run(self.port), self.folder, {}
        if self.is_final_app:
            command = ["-m", "workshop.finished", "--no-browser", "--port", str(self.port)]
            where = self.folder.parent
            settings = IN_A_NOTEBOOK | ({} if self.sign else UNHURRIED)
            if names := embed.proxied_names():
                settings |= {"CHAT_PROXY_HOPS": "1", "CHAT_HOSTS": names}
        elif self.is_tiny:
            command = ["-m", "workshop.tiny", str(self.port)]
        environment = child_environment(
            self.folder, sign=self.sign, token=self.token, tied=True, data=self.data
        )
        self._process = popen(
            [sys.executable, *command],
            cwd=where,
            env=environment | settings | self.settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        announced = threading.Event()
        reader = threading.Thread(target=self._read, args=(self._process, announced), daemon=True)
        reader.start()
        if not announced.wait(READY_TIMEOUT) or not self.alive or not answers(self.url, self.token):
            self.stop()
            reader.join(STOP_TIMEOUT)
            raise StageFailed(self.name, self.log)
        # Only the checker runs stages without the workshop's signs.
        by = f"{'`stage`' if self.sign else '`check`'} in {running.this_place()}"
        running.record(self.pid or 0, self.name, self.folder, self.port, self.token, by)

    def stop(self) -> None:
        """Stop the child. Calling this again does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        if self in _started:
            _started.remove(self)
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        running.forget(process.pid)

    def stale(self) -> bool:
        """Return whether a file of the stage was changed, added, removed or moved since the start."""
        return files_of(self.folder) != self._started_from

    def _read(self, process: subprocess.Popen[str], announced: threading.Event) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._news:
                self._log.append(COLOUR.sub("", line.rstrip()))
                self._news.notify_all()
            found = ADDRESS.search(line)
            if found:
                self.port = int(found.group(1))
                announced.set()
        announced.set()  # the child has ended, so `start` must not wait any longer


def stage(name: str, *, signed: bool = True) -> Stage:
    """Return the running stage `name`: a step ("05", "05_broadcast"), "mine", or "final_app".

    A second call returns the stage that is already running. If its files have changed, the stage
    restarts with the same port and data, so that open pages can reconnect to it. With `signed=False`,
    which is for checks, the titles and footers of the pages do not change, and the learner's data is not
    used. Raises LookupError for an unknown name, and StageFailed if the application does not start.
    """
    name, folder = locate(name)
    known = _stages.get((folder, signed))
    is_check = name.startswith("mine") and not signed  # a check starts without earlier data
    if known and known.alive and not known.stale() and not is_check:
        return known
    if known:
        known.stop()
    sign = describe(name) if signed else ""
    fresh = Stage(name, folder, sign, port=known.port if known else 0)
    if name == "mine" and signed:
        fresh.data = None
    elif known and signed:
        fresh.data = known.data
    start_again(fresh)
    _stages[folder, signed] = fresh
    return fresh


def start_again(one: Stage) -> None:
    """Start a stage at its earlier port, or at a free one if another program has taken that."""
    try:
        one.start()
    except StageFailed as failure:
        if not (one.port and TAKEN.search(failure.log)):
            raise
        one.port = 0
        one.start()


def locate(name: str) -> tuple[str, Path]:
    """Return the full name and the folder of a step, of the learner's own chat, or of final_app."""
    name = str(name)
    if name in OWN:
        needed, problem, fix = OWN[name]
        if not (paths.mine() / needed).exists():
            raise LookupError(f"{problem}\nExpected: {paths.mine() / needed}\nWhat to do: {fix}")
        return name, paths.mine() / needed.partition("/")[0]
    if name == "final_app":
        return name, paths.ROOT / name
    is_of_speed = name.startswith("18_speed") and any((paths.LABS / name).glob("*.py"))
    if is_of_speed or name == "20_processes":
        return name, paths.LABS / name
    found = manifest.step(name)
    return found.name, found.folder


def locate_served(name: str) -> tuple[str, Path]:
    """Do the same for a command that serves a stage. Also raises LookupError if only a notebook can."""
    name, folder = locate(name)
    if name in ONLY_IN_A_NOTEBOOK or folder.is_relative_to(paths.LABS):
        raise LookupError(
            f"{name} runs only in its notebook.\nWhat to do: start it with the cells of the notebook."
        )
    return name, folder


def describe(name: str) -> str:
    own = {
        "mine": "your own chat (mine/chat)",
        "mine/final_app": "your own copy (mine/final_app)",
        "mine/attack": "your own chat with holes (mine/attack)",
    }
    return own.get(name) or f"{name}, the workshop's copy"


def flask_run(port: int, *options: str) -> list[str]:
    run = ["-m", "flask", "--app", "workshop.serve", "run", "--host", "127.0.0.1"]
    return [*run, "--port", str(port), *(options or ("--no-debugger", "--no-reload"))]


def child_environment(
    folder: Path,
    *,
    sign: str = "",
    token: str = "",
    tied: bool = False,
    data: Path | None = None,
) -> dict[str, str]:
    """Return the environment for a stage: that of this process, with what `workshop.serve` needs.

    The variables that begin with FLASK_, WERKZEUG_ or CHAT_ are left out. `data` is the folder in which
    the stage stores its data. If it is None, the stage decides.
    """
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("FLASK_", "WERKZEUG_", "CHAT_")) and key != "WORKSHOP_TIED"
    }
    own_data = {"CHAT_DATA_DIR": str(data)} if data else {}
    return (
        inherited
        | own_data
        | {
            "WORKSHOP_APP": str(folder / "app.py"),
            "WORKSHOP_ROOT": str(paths.ROOT),
            "WORKSHOP_SIGN": sign,
            "WORKSHOP_TOKEN": token,
            "WORKSHOP_TIED": "1" if tied else "0",
            "FLASK_SKIP_DOTENV": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
        }
        | PLAIN
    )


def answers(url: str, token: str) -> bool:
    """Return whether the server at `url` is the stage with this token, whatever page it returns."""
    try:
        with _direct.open(url, timeout=READY_TIMEOUT) as response:
            headers = response.headers
    except HTTPError as error:  # an error page is a response, too
        headers = error.headers
    except (OSError, HTTPException):  # also if the server ends while it answers
        return False
    return bool(headers.get(STAGE_HEADER) == token)


def files_of(folder: Path) -> frozenset[tuple[str, float]]:
    """Return the files of a stage, each with the time of its last change in seconds since 1970."""
    return frozenset(
        (str(path), path.stat().st_mtime)
        for path in folder.rglob("*")
        if path.is_file() and not any(map(_is_made, path.relative_to(folder).parts))
    )


def _is_made(name: str) -> bool:
    """Return whether a program, such as Python or an editor, created this file or folder."""
    return name.startswith(".") or name in ("__pycache__", "instance")


def stop_stages_in(folder: Path) -> None:
    """Stop the stages of a folder, because Windows cannot move a folder that a process uses."""
    for known in [*_started]:
        if known.folder == folder:
            known.stop()


@atexit.register
def stop_all() -> None:
    """Stop every stage that this process started, and delete what they stored."""
    for known in [*_started]:
        known.stop()
    _stages.clear()
    while _temporary:
        shutil.rmtree(_temporary.pop(), ignore_errors=True)
