"""Socket.IO clients that handle events in the order in which they arrive.

python-engineio starts a thread for each packet, so on a busy computer, two events can change places. The
clients of this module handle all packets in the thread that reads them. Their handlers must therefore
return without waiting for the server.
"""

from typing import Any

import engineio
import socketio


class _Engine(engineio.Client):  # type: ignore[misc]
    def _trigger_event(
        self, event: str, *args: Any, run_async: bool = False, **options: Any
    ) -> Any:
        return super()._trigger_event(event, *args, run_async=False, **options)


class Client(socketio.Client):  # type: ignore[misc]
    def _engineio_client_class(self) -> type[engineio.Client]:
        return _Engine


class SimpleClient(socketio.SimpleClient):  # type: ignore[misc]
    client_class = Client
