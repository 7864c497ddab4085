"""The board of class mode, which shows live which step each learner is at, if they agree to share this.

    POST /board          {"name": "Ada", "step": "05", "verdict": "open"}, from `check --class`
    GET /board/KEY       the page; /board/KEY/live sends the table to it as Server-Sent Events

The board is WSGI middleware between the door and the stage. The door (`workshop.teaching.door`) has
already checked the host, the join code and the number of requests from each sender.

Only the machine that runs class mode can see the board. The door recognizes this machine without another
code, and the content of the board does not cross the network. The KEY protects the board from the
stage's own pages, which have the same origin: if somebody has smuggled a script into the chat, the
script cannot guess the KEY.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from workshop import manifest
from workshop.hosts import WsgiApp
from workshop.teaching.door import is_loopback, plain
from workshop.teaching.sharing import LONGEST_NAME
from workshop.verdict import WORDS

LEARNERS, LEARNERS_OF_ONE = 100, 5  # in total, and from one address
LONGEST_REPORT = 400  # bytes
TICK = 5.0  # seconds after which something is sent to the page, even if nobody reports anything
PAUSE = 0.2  # minimum seconds between two tables, even if many reports arrive
EXPECTED = (
    f"Expected a name of 1 to {LONGEST_NAME} characters, the number of a step, and a verdict."
)
PAGE = Path(__file__).with_name("board.html")


@dataclass(frozen=True)
class Row:
    """What the board knows about a learner. The times are in seconds of the board's clock."""

    name: str
    step: str
    verdict: str
    moved: float  # when the step or the verdict last changed
    checked: float


class Board:
    """The table of the learners' reports, and the pages that show it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.path = f"/board/{secrets.token_urlsafe(12)}"
        self._rows: dict[tuple[str, str], Row] = {}  # (address, name) → row
        self._reports = 0
        self._news = threading.Condition()

    def before(self, wsgi: WsgiApp) -> WsgiApp:
        """Return WSGI middleware that handles /board and passes all other requests to the stage."""

        def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            request = Request(environ)
            is_ours = request.path == "/board" or request.path.startswith("/board/")
            return (self._answer(request) if is_ours else wsgi)(environ, start)

        return answer

    def _answer(self, request: Request) -> WsgiApp:
        if request.method == "POST" and request.path == "/board" and request.is_json:
            return self._take(request)
        may_see = is_loopback(request.environ)
        if may_see and request.path == self.path:
            return self._page()
        if may_see and request.path == f"{self.path}/live":
            return Response(self._tables(), mimetype="text/event-stream")
        return plain(403, "Only the instructor can see the board, at the address in the terminal.")

    def _take(self, request: Request) -> WsgiApp:
        """Write a report into the table, and return status 204, or refuse it with a reason."""
        request.max_content_length = LONGEST_REPORT
        try:
            name, step, verdict = read(request.get_data())
        except HTTPException as refusal:  # the report is too large
            return refusal
        except ValueError:
            return plain(400, EXPECTED)
        key, now = (str(request.remote_addr), name), self._clock()
        with self._news:
            before = self._rows.get(key)
            if not before and not self._has_place_for(key[0]):
                return plain(503, "The board is full.")
            is_still = before and (before.step, before.verdict) == (step, verdict)
            moved = before.moved if before and is_still else now
            self._rows[key] = Row(name, step, verdict, moved, now)
            self._reports += 1
            self._news.notify_all()
        return Response(status=204)

    def _has_place_for(self, address: str) -> bool:
        """Return whether there is space for another row from this address.

        If the address already has too many rows, its oldest row is deleted first.
        """
        own = [key for key in self._rows if key[0] == address]
        if len(own) >= LEARNERS_OF_ONE:
            del self._rows[min(own, key=lambda key: self._rows[key].checked)]
        return len(self._rows) < LEARNERS

    def table(self) -> list[tuple[str, str, str, int, int]]:
        """Return a row for each learner. Those who have not moved on for the longest time come first.

        A row contains the name, the step, the verdict, the minutes since the step or the verdict last
        changed, and the minutes since the last check.
        """
        now = self._clock()
        rows = sorted(self._rows.values(), key=lambda row: row.moved)
        ages = [(int((now - row.moved) / 60), int((now - row.checked) / 60)) for row in rows]
        return [(r.name, r.step, WORDS[r.verdict], *age) for r, age in zip(rows, ages, strict=True)]

    def _tables(self) -> Iterator[str]:
        """Yield the table as an event whenever it has changed, and otherwise an empty line."""
        shown = None
        while True:
            with self._news:
                seen, table = self._reports, self.table()
            yield f"data: {json.dumps(table)}\n\n" if table != shown else ":\n\n"
            shown = table
            with self._news:
                if self._reports == seen:
                    self._news.wait(TICK)
            time.sleep(PAUSE)

    def _page(self) -> Response:
        nonce = secrets.token_urlsafe()
        page = PAGE.read_text(encoding="utf-8").replace("NONCE", nonce)
        answer = Response(page, mimetype="text/html", headers={"Cache-Control": "no-store"})
        answer.headers["Content-Security-Policy"] = (
            f"default-src 'none'; connect-src 'self'; script-src 'nonce-{nonce}'; "
            f"style-src 'nonce-{nonce}'"
        )
        return answer


def read(body: bytes) -> tuple[str, str, str]:
    """Return the name, the step and the verdict of a report. Raises ValueError for anything else."""
    match json.loads(body):
        case {"name": str(name), "step": str(step), "verdict": str(verdict), **rest}:
            # A character that is not printable could be a line break, or reverse the rest of the line.
            is_name = name.strip() and name.isprintable() and len(name) <= LONGEST_NAME
            steps = [each.number for each in (*manifest.steps(), *manifest.labs())]
            if is_name and step in steps and verdict in WORDS and not rest:
                return name, step, verdict
    raise ValueError(EXPECTED)
