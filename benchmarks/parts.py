"""A server with a clock around each part of a `new_message`, for `benchmarks.new_message`.

The clocks measure CPU time. If a measured part is inside another one, its time is subtracted from the
outer one.
"""

import functools
import importlib
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PARTS = [
    ("payload: pydantic", "final_app.realtime.handlers:parse"),
    ("who is asking: session looked up", "final_app.auth:require_user"),
    ("rate limit", "final_app.lib.rate_limit:RateLimiter.count"),
    ("transaction: begin", "final_app.storage.sqlite:Sqlite._begin"),
    ("transaction: the rest of `post`", "final_app.chat.messages:post"),
    ("author, member, room, `client_id`", "final_app.chat.messages:_asked"),
    ("next `seq` and `rev`", "final_app.chat.rooms:next_numbers"),
    ("who is mentioned", "final_app.chat.texts:prepared"),
    ("formatting: HTML", "final_app.chat.formatting:render"),
    ("INSERT", "final_app.chat.messages:_insert"),
    ("commit, with fsync", "sqlalchemy:Connection.commit"),
    ("snapshot", "final_app.chat.messages:to_dict"),
    ("emit: encode and queue for all", "final_app.storage.outbox:Outbox.deliver"),
    ("acknowledgement: frame and queue", "final_app.wire.websocket:WebSocket.send"),
    ("context of the handler", "final_app.realtime.server:socketio._handle_event"),
]


def place(where: str) -> tuple[Any, str]:
    """Return the object that contains a part, and the part's name in it. Raises AttributeError."""
    module, _, path = where.partition(":")
    *way, name = path.split(".")
    owner = functools.reduce(getattr, way, importlib.import_module(module))
    getattr(owner, name)
    return owner, name


class Clocks:
    """The times of the parts. The time of a part inside another one is subtracted."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self._inside: list[float] = []

    def around(self, part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(work)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._inside.append(0.0)
            began = time.thread_time()
            try:
                return work(*args, **kwargs)
            finally:
                took = time.thread_time() - began
                own = took - self._inside.pop()
                self.seconds[part] = self.seconds.get(part, 0.0) + own
                self.calls[part] = self.calls.get(part, 0) + 1
                if self._inside:
                    self._inside[-1] += took

        return timed


def serve(result: Path) -> int:
    """Serve in the same way as `python -m final_app`, with a clock around each part. Write the times."""
    from gevent import monkey

    monkey.patch_all()
    from final_app import __main__ as program
    from final_app.realtime import server

    clocks = Clocks()
    for part, where in PARTS:
        owner, name = place(where)
        setattr(owner, name, clocks.around(part, getattr(owner, name)))
    attach = server.attach

    def attached(*args: Any) -> None:
        attach(*args)
        handlers = server.socketio.server.eio.handlers
        handlers["message"] = clocks.around("packet: decode, acknowledge", handlers["message"])

    server.attach = attached

    def forget() -> None:
        while not result.with_suffix(".begin").exists():
            time.sleep(0.01)
        clocks.seconds.clear()
        clocks.calls.clear()

    threading.Thread(target=forget, daemon=True).start()
    sys.argv = ["final_app", "--no-browser", "--port", "0"]
    status = program.main()
    result.write_text(json.dumps([clocks.seconds, clocks.calls]), encoding="utf-8")
    return status
