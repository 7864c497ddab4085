"""Notes about the running stages, for the commands `workshop ps` and `workshop stop`.

Notes are small JSON files in `mine/.running/`, one for each process. The system reuses process ids and
ports, so a note is valid only if the server at its port still answers with the note's token.
"""

import json
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath

from workshop import paths

STAGE_HEADER = "X-Workshop-Stage"  # contains WORKSHOP_TOKEN, to prove that this stage has answered
END_TIMEOUT = 5.0  # seconds


@dataclass(frozen=True)
class Note:
    pid: int
    name: str
    folder: str
    port: int
    token: str
    since: float  # seconds since 1970
    by: str  # who started it: "`run`", "`check` in 04_socketio.ipynb"


def folder() -> Path:
    return paths.mine() / ".running"


def record(pid: int, name: str, where: Path, port: int, token: str, by: str) -> None:
    """Write a note. If this is not possible, the stage runs without one."""
    note = Note(pid, name, str(where), port, token, time.time(), by)
    with suppress(OSError):
        paths.store(folder() / f"{pid}.json", json.dumps(asdict(note)))


def this_place() -> str:
    """Return a name for the place where this process runs. If possible, it is the notebook's name."""
    if "ipykernel" not in sys.modules:
        return "a Python program"
    session = PurePath(os.environ.get("JPY_SESSION_NAME", ""))
    return session.name if session.suffix == ".ipynb" else "a notebook"


def forget(pid: int | str) -> None:
    with suppress(OSError):
        (folder() / f"{pid}.json").unlink(missing_ok=True)


def notes() -> list[Note]:
    """Return the notes of the stages that are still running, and delete all other notes."""
    from workshop.stages import answers  # here, because stages.py imports this module

    believed = []
    for path in sorted(folder().glob("*.json")):
        try:
            note = Note(**json.loads(path.read_text(encoding="utf-8")))
            if answers(f"http://127.0.0.1:{int(note.port)}", note.token):
                believed.append(note)
                continue
        except (OSError, ValueError, TypeError):
            pass
        forget(path.stem)
    return believed


def end(note: Note) -> bool:
    """Stop the stage and wait until it no longer answers. Return False if it still does."""
    from workshop.stages import answers

    os.kill(note.pid, signal.SIGTERM)
    deadline = time.monotonic() + END_TIMEOUT
    while time.monotonic() < deadline:
        if not answers(f"http://127.0.0.1:{note.port}", note.token):
            forget(note.pid)
            return True
        time.sleep(0.05)
    return False
