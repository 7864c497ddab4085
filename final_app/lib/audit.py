"""The record of events that concern security, such as logins, bans and invites.

Each event is written as a line to the log of the process and as a line to the security log. The security
log has one file for each month. It is in the data folder, which all processes share.
"""

import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from logging.handlers import SysLogHandler
from pathlib import Path
from typing import Any, cast

from flask import current_app

from final_app.errors import ChatError, RateLimited
from final_app.hardening import give_to_owner
from final_app.lib import clock
from final_app.lib.addresses import network
from final_app.lib.logs import Seldom

SYSTEM_LOG = Path("/dev/log")  # systemd's journal or syslog; not on Windows or macOS
LONGEST = 100  # characters of a value
PLAIN = re.compile(r"[\w.:@/+-]+", re.ASCII)
MONTHS = "[0-9][0-9][0-9][0-9]-[0-9][0-9].log"
KEPT = 12  # months, in addition to the current one
FLOODS = {"token"}  # events that no rate limit stops
EVERY = 60.0  # in a flood, seconds between two entries of one kind from one address
MOST_FLOODS = 10_000  # how many floods are remembered
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
ALWAYS = ("time", "event", "who", "from", "outcome")  # in every entry

log = logging.getLogger("final_app.audit")
_failures = Seldom(logging.getLogger(__name__))

Entry = dict[str, str]


class SecurityLog:
    """The files of the security log, one for each month. Each line is a JSON object."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "audit"
        self._floods: dict[tuple[str, str], float] = {}  # (event, address) → time of the last entry

    def append(self, entry: Entry) -> None:
        """Add an entry. If that fails, because the disk is full for example, only log the problem."""
        if self._repeats(entry):
            return
        line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        try:
            self.folder.mkdir(PRIVATE_FOLDER, exist_ok=True)
            _append(path := self.folder / f"{entry['time'][:7]}.log", line)
            for each in (self.folder, path):
                give_to_owner(each)
        except OSError as problem:
            _failures.error(f"Can't write to the security log {self.folder}: {problem.strerror}.")

    def read(self, since: datetime) -> Iterator[Entry]:
        """Yield the entries since a given time, oldest first. Lines that are not entries are skipped.

        Raises OSError if the folder does not exist or cannot be read.
        """
        first = clock.iso(since) or ""
        for path in sorted(self.folder.iterdir()):  # `glob` would not raise
            if path.match(MONTHS) and path.stem >= first[:7]:
                yield from (each for each in _entries(path) if each["time"] >= first)

    def remove_old(self) -> int:
        """Remove the files that are more than KEPT months old. Return how many were removed."""
        today = clock.now()
        months = today.year * 12 + today.month - 1 - KEPT
        oldest = f"{months // 12:04}-{months % 12 + 1:02}"
        old = [path for path in self.folder.glob(MONTHS) if path.stem < oldest]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _repeats(self, entry: Entry) -> bool:
        """Return whether this entry belongs to a flood and must be skipped, to save disk space."""
        if entry["outcome"] != RateLimited.code and entry["event"] not in FLOODS:
            return False
        kind, now = (entry["event"], network(entry["from"])), clock.seconds()
        if now - self._floods.get(kind, -EVERY) < EVERY:
            return True
        if len(self._floods) >= MOST_FLOODS:
            self._floods.clear()
        self._floods[kind] = now
        return False


def security_log() -> SecurityLog:
    return cast(SecurityLog, current_app.extensions["security_log"])


@contextmanager
def audited(event: str, who: str, where: str | None, **about: object) -> Iterator[None]:
    """Record an event, whether or not the block succeeds: event=login who=ada from=192.0.2.7 outcome=ok.

    `outcome` is "ok" or, if the block raises a ChatError, the code of that error. Never pass a password,
    a token or the code of an invite.
    """
    try:
        yield
    except ChatError as refusal:
        _record({"event": event, "who": who, "from": where or "", "outcome": refusal.code} | about)
        raise
    _record({"event": event, "who": who, "from": where or "", "outcome": "ok"} | about)


def table(days: int, who: str | None) -> list[tuple[str, ...]]:
    """Return the events of the last days as rows: time, event, person, address and outcome.

    If `who` is given, the rows contain only what this person did and what was done to this person.
    """
    entries = security_log().read(clock.now() - timedelta(days=days))
    return [_row(each) for each in entries if not who or _concerns(each, who)]


def to_system_log() -> None:
    """Send the lines of this process to the system log, which also contains the lines of the service.

    Commands call this, because everything that they print goes to the person who runs them.
    """
    if log.handlers or not SYSTEM_LOG.exists():
        return
    with suppress(OSError):  # no system log is running
        handler = SysLogHandler(str(SYSTEM_LOG), SysLogHandler.LOG_AUTHPRIV)
        handler.ident = "final_app: "
        log.addHandler(handler)
        log.setLevel(logging.INFO)


def _record(fields: dict[str, object]) -> None:
    entry = {name: str(value)[:LONGEST] for name, value in fields.items()}
    log.info("%s", _pairs(entry))
    security_log().append({"time": clock.iso(clock.now()) or "", **entry})


def _append(path: Path, line: bytes) -> None:
    """Write a line in one piece, so that lines from several processes do not get mixed up.

    If two lines are written at the same moment, there can be an empty line between them.
    """
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, PRIVATE_FILE)
    try:
        if not _ends_with_line(file):  # the last line was cut off when the disk was full
            line = b"\n" + line
        if os.write(file, line) < len(line):
            raise OSError(0, "the disk is full")
    finally:
        os.close(file)


def _ends_with_line(file: int) -> bool:
    size = os.lseek(file, 0, os.SEEK_END)
    if not size:
        return True
    os.lseek(file, size - 1, os.SEEK_SET)
    return os.read(file, 1) == b"\n"


def _entries(path: Path) -> Iterator[Entry]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError):
            entry: Any = json.loads(line)
            if isinstance(entry, dict) and all(name in entry for name in ALWAYS):
                yield entry


def _concerns(entry: Entry, who: str) -> bool:
    """Return whether somebody did this, or it was done to them. A name can be as it was typed."""
    names = (entry["who"], entry.get("name", ""))
    return who.strip().lower() in (name.strip().lower() for name in names)


def _row(entry: Entry) -> tuple[str, ...]:
    about = {name: value for name, value in entry.items() if name not in ALWAYS}
    what = " ".join([entry["event"], *([_pairs(about)] if about else [])])
    return entry["time"], what, *(_shown(entry[name]) for name in ("who", "from", "outcome"))


def _pairs(fields: Entry) -> str:
    return " ".join(f"{name}={_shown(value)}" for name, value in fields.items())


def _shown(text: str) -> str:
    """Return a value for a log line. It is quoted unless it is plain, so that it cannot end the line."""
    return text if PLAIN.fullmatch(text) else json.dumps(text)
