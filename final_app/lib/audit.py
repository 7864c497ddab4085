"""The log of security events: one line for each login, ban, invite and so on."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import SysLogHandler
from pathlib import Path

from final_app.errors import ChatError

SYSTEM_LOG = Path("/dev/log")  # systemd's journal or syslog; not on Windows or macOS
LONGEST = 100  # characters of a value
PLAIN = re.compile(r"[\w.:@/+-]+", re.ASCII)

log = logging.getLogger("final_app.audit")


@contextmanager
def audited(event: str, who: str, where: str | None, **about: object) -> Iterator[None]:
    """Log one event, whether or not the block succeeds: event=login who=ada from=192.0.2.7 outcome=ok.

    `outcome` is "ok", or the code of the ChatError that the block raises. Never pass a password, a token
    or a code.
    """
    try:
        yield
    except ChatError as refusal:
        _log({"event": event, "who": who, "from": where or "", "outcome": refusal.code} | about)
        raise
    _log({"event": event, "who": who, "from": where or "", "outcome": "ok"} | about)


def to_system_log() -> None:
    """Send this process's lines to the system log, which also contains those of the service.

    Commands call this, because their own output goes to the person who types them.
    """
    if log.handlers or not SYSTEM_LOG.exists():
        return
    with suppress(OSError):  # nobody listens there
        handler = SysLogHandler(str(SYSTEM_LOG), SysLogHandler.LOG_AUTHPRIV)
        handler.ident = "final_app: "
        log.addHandler(handler)
        log.setLevel(logging.INFO)


def _log(fields: dict[str, object]) -> None:
    log.info("%s", " ".join(f"{name}={_shown(value)}" for name, value in fields.items()))


def _shown(value: object) -> str:
    """Return a value.

    If it is not plain, it is a JSON string, so that it cannot contain a line break.
    """
    text = str(value)[:LONGEST]
    return text if PLAIN.fullmatch(text) else json.dumps(text)
