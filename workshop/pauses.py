"""Make a process of a chat pause at its next commit, to show what an unlucky delay can cause.

    with paused(first) as pause:
        ada.emit("new_message", {"text": "Tea?"})
        pause.reached()               # Ada's message is committed, and her process waits
        bo.call("new_message", {"text": "Cake!"})

On a busy machine, the operating system makes such pauses all the time, between any two instructions.
`install` adds the pause to a stage that uses SQLAlchemy, and `paused` controls it over HTTP.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from flask import Flask, request

from workshop.stages import Stage

PAUSES = "WORKSHOP_PAUSES"  # the variable that makes a stage install its pause
ROUTE = "/workshop/pause"
PATIENCE = 10.0  # seconds in which a commit has to come
LONGEST = 60.0  # seconds of a pause, if nobody ends it


class Gate:
    """Holds back the threads that come to one of its places: "before" or "after" a commit."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._closed_at = ""
        self._waiting = 0

    def close(self, place: str) -> None:
        with self._news:
            self._closed_at = place

    def open(self) -> None:
        with self._news:
            self._closed_at = ""
            self._news.notify_all()

    def reached(self) -> bool:
        """Wait until a thread waits at the gate. Return whether one does."""
        with self._news:
            return self._news.wait_for(lambda: self._waiting > 0, PATIENCE)

    def wait(self, place: str) -> None:
        """Wait until the gate is open, if it is closed at this place."""
        with self._news:
            if self._closed_at != place:
                return
            self._waiting += 1
            self._news.notify_all()
            self._news.wait_for(lambda: self._closed_at != place, LONGEST)
            self._waiting -= 1


def install(app: Flask) -> None:
    """Let the commits of this process wait while its gate is closed."""
    from sqlalchemy import event
    from sqlalchemy.orm import Session

    gate = Gate()
    event.listen(Session, "before_commit", lambda _: gate.wait("before"))
    event.listen(Session, "after_commit", lambda _: gate.wait("after"))

    def control() -> dict[str, object]:
        """POST closes the gate, GET waits until a commit has reached it, and DELETE opens it."""
        if request.method == "POST":
            gate.close(request.args["at"])
        elif request.method == "DELETE":
            gate.open()
        return {"ok": request.method != "GET" or gate.reached()}

    app.add_url_rule(ROUTE, "pause", control, methods=["POST", "GET", "DELETE"])


class Pause:
    """The pause of one process."""

    def __init__(self, chat: Stage) -> None:
        self._chat = chat
        self._http = requests.Session()
        self._http.trust_env = False  # ignore the machine's proxy

    def ask(self, method: str, **values: str) -> bool:
        url = f"{self._chat.url}{ROUTE}"
        answer = self._http.request(method, url, params=values, timeout=2 * PATIENCE)
        answer.raise_for_status()
        return bool(answer.json()["ok"])

    def reached(self) -> None:
        """Wait until the process pauses. Raises TimeoutError if it commits nothing."""
        if not self.ask("GET"):
            raise TimeoutError("The process has committed nothing since the pause was requested.")


@contextmanager
def paused(chat: Stage, at: str = "after") -> Iterator[Pause]:
    """Let a process wait after (or `at="before"`) its next commit, until the block ends.

    Raises RuntimeError if the process is not running.
    """
    if not chat.alive:
        raise RuntimeError(
            f"{chat.name} is stopped.\nExpected: a process that is running.\n"
            "What to do: run the cell with `processes(…)` again, then this one."
        )
    pause = Pause(chat)
    pause.ask("POST", at=at)
    try:
        yield pause
    finally:
        if chat.alive:  # the block may also have ended the process
            pause.ask("DELETE")
