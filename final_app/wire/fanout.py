"""Broadcasts. An event is turned into a frame once, and everybody in the room gets the same bytes."""

from typing import Any

import gevent
import socketio
from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket
from socketio.packet import EVENT

from final_app.lib import counts
from final_app.wire import connection
from final_app.wire.websocket import to_frame


class Manager(socketio.Manager):  # type: ignore[misc]
    """The manager of python-socketio, with a faster way to send an event to many WebSockets.

    For each receiver, the library itself calls five functions and builds the same frame again.
    """

    def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: str | list[str] | None = None,
        skip_sid: str | list[str | None] | None = None,
        callback: Any = None,
        to: str | list[str] | None = None,
        **options: Any,
    ) -> None:
        """Send an event to a room or, if there is no `room`, to everybody. Any thread may call this."""
        room = to or room
        hub = self.server.eio.hub
        if hub is not None and gevent.get_hub() is not hub:
            hub.loop.run_callback_threadsafe(
                self.emit, event, data, namespace, room, skip_sid, callback
            )
            return
        values = data if isinstance(data, tuple) else () if data is None else (data,)
        text = self.server.packet_class(EVENT, [event, *values], namespace).encode()
        has_attachments = not isinstance(text, str)
        if callback or has_attachments:  # with a callback, each receiver gets a separate packet
            super().emit(event, data, namespace, room, skip_sid, callback)
        else:
            skipped = skip_sid if isinstance(skip_sid, list) else [skip_sid]
            members = self.get_participants(namespace, room)
            self._broadcast(text, [eio_sid for sid, eio_sid in members if sid not in skipped])

    def _broadcast(self, text: str, receivers: list[str]) -> None:
        packet, frame = EnginePacket(MESSAGE, text), to_frame(connection.MESSAGE + text)
        sockets, held = self.server.eio.sockets, self.server.held
        counts.deliveries += len(receivers)
        for eio_sid in receivers:
            websocket = sockets[eio_sid].websocket if eio_sid in sockets else None
            if websocket is None or eio_sid in held:
                self.server._send_eio_packet(eio_sid, packet)
            elif websocket.is_open:
                websocket.send_frame(frame)
