"""`request_context=False`: handlers run in an application context and can find out their caller."""

import inspect
from typing import Any

import flask_socketio
import pytest
from flask import Flask, has_request_context
from flask_socketio import ConnectionRefusedError

from final_app.wire.server import SocketIO, caller


def served(**options: Any) -> tuple[Flask, SocketIO, list[Any]]:
    """Return an application that records what its handlers see."""
    app, socketio, seen = Flask(__name__), SocketIO(), list[Any]()
    socketio.init_app(app, async_mode="threading", async_handlers=False, **options)

    @socketio.on("connect")
    def connect(data: Any = None) -> None:
        seen.append(("connect", has_request_context(), data))
        if data == {"refuse": True}:
            raise ConnectionRefusedError("no")

    @socketio.on("look")
    def look(*data: Any) -> Any:
        seen.append(("look", has_request_context(), data))
        return None if has_request_context() else [caller().sid, caller().environ["HTTP_COOKIE"]]

    @socketio.on("disconnect")
    def disconnect(reason: Any = None) -> None:
        seen.append(("disconnect", has_request_context(), reason))

    return app, socketio, seen


@pytest.mark.parametrize("with_request", [True, False])
def test_each_handler_gets_what_the_option_says(with_request: bool) -> None:
    app, socketio, seen = served(request_context=with_request)
    client = socketio.test_client(app, auth={"a": 1}, headers={"Cookie": "a=b"})
    answer = client.emit("look", 1, 2, callback=True)
    client.disconnect()
    (sid, cookie) = answer or ("", "")
    assert (cookie == "a=b" and len(sid) > 10) is not with_request
    assert [each[:2] for each in seen] == [
        ("connect", with_request),
        ("look", with_request),
        ("disconnect", with_request),
    ]
    assert seen[0][2] == {"a": 1} and seen[1][2] == (1, 2)
    assert not has_request_context()


def test_a_connection_can_be_refused() -> None:
    app, socketio, seen = served(request_context=False)
    client = socketio.test_client(app, auth={"refuse": True})
    assert not client.is_connected() and seen == [("connect", False, {"refuse": True})]


def test_flask_socketio_still_calls_what_is_replaced() -> None:
    """If this fails after an update, compare `SocketIO._handle_event` with the library's."""
    stock = flask_socketio.SocketIO
    expected = "(self, handler, message, namespace, sid, *args)"
    assert str(inspect.signature(stock._handle_event)) == expected
    assert "self._handle_event(handler, message, real_ns, sid," in inspect.getsource(stock.on)
    assert "app.request_context(environ)" in inspect.getsource(stock._handle_event)
