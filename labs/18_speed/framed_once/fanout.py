"""A broadcast: make the text and the frame once, and write the frame to each receiver."""

from typing import Any

import socketio
from socketio.packet import EVENT, Packet

from final_app.wire.websocket import to_frame

MESSAGE = "4"  # Engine.IO writes this before each packet of Socket.IO


class Fanout(socketio.Manager):
    def emit(
        self, event: str, data: Any, namespace: str, room: str | None = None, **_: Any
    ) -> None:
        """Send an event to everybody in a room."""
        text = Packet(EVENT, [event, data], namespace).encode()
        frame = to_frame(MESSAGE + text)
        for _, sid in self.get_participants(namespace, room):
            self.write(sid, frame)

    def write(self, sid: str, data: bytes) -> None:
        """Write to one connection immediately, with one system call."""
        connection = self.server.eio.sockets.get(sid)
        if connection is not None:  # else somebody has just left
            connection.websocket.send_frame(data)
            connection.websocket.flush()
