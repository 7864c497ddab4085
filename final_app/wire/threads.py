"""Engine.IO's own server with a limit on the size of requests. `flask run` uses it."""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import engineio


class ThreadedEngineServer(engineio.Server):  # type: ignore[misc]
    """Refuses a request that is too large before it reads the body. All other limits need gevent."""

    def __init__(
        self, credential: object = None, most_connections: int = 0, **options: Any
    ) -> None:
        super().__init__(**options)

    def handle_request(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH", "")
        if not length.isdecimal() or int(length) <= self.max_http_buffer_size:
            answer: Iterable[bytes] = super().handle_request(environ, start_response)
            return answer
        query = parse_qs(environ.get("QUERY_STRING", ""))
        self.refuse(query.get("sid", [""])[-1], "")
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        message = f"A request can have at most {self.max_http_buffer_size:,} bytes."
        start_response(f"{status.value} {status.phrase}", [("Content-Type", "application/json")])
        return [json.dumps({"code": 3, "message": message}).encode()]

    def refuse(self, sid: str, why: str) -> None:
        """Close a connection that breaks a rule."""
        connection = self.sockets.get(sid)
        if connection is not None:
            self.logger.warning("Refused a connection: %s", ascii(why))
            connection.close(wait=False, reason=self.reason.TRANSPORT_ERROR)

    def _log_error_once(self, message: str, message_key: str) -> None:
        """Log only the kind of a problem. The library's own message contains sids, which are secret."""
        self.logger.info("Refused a request: %s", message_key)

    def close_all(self) -> None:
        """Close all connections. Their clients connect again."""
        self.disconnect()

    def accept(self, sid: str, accepted: bool) -> None:
        """Do nothing, because strangers have no deadline here."""
