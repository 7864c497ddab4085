"""Bounds that the Socket.IO library lacks. The sender of what is too large learns why it is refused.

A WebSocket on gevent has a bound of its own: `wire.handler` closes it with code 1009.
"""

import functools
import json
import re
from collections.abc import Iterable
from typing import Any

from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import get_content_length

from final_app.errors import TooLarge
from final_app.wire.handler import LARGEST_PACKET

WITHOUT_ATTACHMENTS = {"5": "2", "6": "3"}  # packet types: BINARY_EVENT to EVENT, and for ACK
ATTACHMENT_COUNT = re.compile(r"\A[0-9]+-")


def add_to(server: Any) -> None:
    """Bound what a Socket.IO server receives."""
    _refuse_attachments(server)
    _bound_requests(server)
    if server.async_mode == "threading":
        _bound_messages(server.eio)


def _refuse_attachments(server: Any) -> None:
    """Drop binary attachments: no event has any, and a packet can announce any number of them.

    The event is handled with the placeholder of the attachment. Its schema refuses that.
    """
    accept = server._handle_eio_message

    def receive(eio_sid: str, packet: str | bytes) -> None:
        if isinstance(packet, bytes):
            return
        if kind := WITHOUT_ATTACHMENTS.get(packet[:1]):
            packet = kind + ATTACHMENT_COUNT.sub("", packet[1:], count=1)
        accept(eio_sid, packet)

    server.eio.on("message", receive)


def _bound_requests(server: Any) -> None:
    """Refuse a polling request that is too large, and end its connection.

    Engine.IO would answer 400 without a reason, and not before another request has received the end
    of the connection.
    """
    handle = server.handle_request

    def bounded(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if (get_content_length(environ) or 0) <= LARGEST_PACKET:
            answer: Iterable[bytes] = handle(environ, start_response)
            return answer
        connection = server.eio.sockets.pop(Request(environ).args.get("sid"), None)
        if connection is not None:
            connection.close(wait=False, reason=server.reason.TRANSPORT_ERROR)
        refusal = TooLarge(f"A request to a socket has at most {LARGEST_PACKET:,} bytes.")
        told = Response(json.dumps(refusal.answer()), refusal.status, mimetype="application/json")
        return told(environ, start_response)

    server.handle_request = bounded


def _bound_messages(eio: Any) -> None:
    """Let the WebSockets of threads close with 1009. Engine.IO would close them with 1000."""
    bounded = functools.partial(eio._async["websocket"], max_message_size=LARGEST_PACKET)
    eio._async = eio._async | {"websocket": bounded}
