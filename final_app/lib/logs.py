"""Write the log, and keep secrets, forged lines and endless repetitions out of it."""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Literal

from final_app.lib import clock, request_ids

EVERY = 60.0  # seconds between two lines of one kind
VERSION = re.compile(r" HTTP/\d\.\d(\x1b\[0m)?$")  # Werkzeug colours some lines
STRANGE = re.compile(r"[^ -~]")  # not printable ASCII
TEXT = "%(asctime)s %(levelname)s %(name)s %(request)s %(message)s"

Form = Literal["text", "json"]


def to_standard_error(form: Form) -> None:
    """Write the log of this process to standard error, one line for each entry."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else TextLines(TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)


class TextLines(logging.Formatter):
    """Formats lines for people: time, level, logger, id of the request and message."""

    def format(self, record: logging.LogRecord) -> str:
        record.request = request_ids.current() or "-"
        return super().format(record)


class JsonLines(logging.Formatter):
    """Formats lines for programs: {time, level, logger, message, request?, error?}, in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        entry = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := request_ids.current():
            entry["request"] = request_id
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def request_line(received: str) -> str:
    """Return the first line of a request in the form for the log: escaped and without the query.

    "GET /register?invite=Jz3 HTTP/1.1" becomes "GET /register HTTP/1.1". A query may be private: it can
    contain an invite, the id of a socket or the words that somebody searches for.
    """
    return escaped(without_query(received))


def without_query(line: str) -> str:
    """Return a request line or an address without its query."""
    address, question_mark, query = line.partition("?")
    version = VERSION.search(query) if question_mark else None
    return address + (version[0] if version else "")


def escaped(text: str) -> str:
    """Escape every character that could be used to forge a part of the log."""
    return STRANGE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class HideQueries(logging.Filter):
    """Removes the queries from the lines of the development server, `flask run`."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                without_query(each) if isinstance(each, str) else each for each in record.args
            )
        return True


class Seldom:
    """Logs at most one line every EVERY seconds, and counts the lines that it leaves out."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._next = 0.0  # on the monotonic clock
        self._left_out = 0

    def error(self, message: str) -> None:
        """Log the message, unless another one was logged less than EVERY seconds ago."""
        if clock.seconds() < self._next:
            self._left_out += 1
            return
        more = f" (This happened {self._left_out:,} more times.)" if self._left_out else ""
        self._logger.error("%s%s", message, more)
        self._next, self._left_out = clock.seconds() + EVERY, 0
