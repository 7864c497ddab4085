"""The body of a polling request, and the response to a request that is refused."""

import json
from http import HTTPStatus

from werkzeug.exceptions import RequestTimeout

from final_app.wire.connection import Environ, Malformed, TooLarge


class Refused(Exception):
    """The response to a request is an error. `code` is Engine.IO's own number for this error."""

    def __init__(self, status: HTTPStatus, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = json.dumps({"code": code, "message": message})


def read_body(environ: Environ, most: int) -> str:
    """Return the body of a request, which may have `most` bytes. Raises Refused and Malformed."""
    length = environ.get("CONTENT_LENGTH", "")
    if not length.isdecimal():
        raise Refused(HTTPStatus.LENGTH_REQUIRED, 3, "Expected the header Content-Length")
    if int(length) > most:
        raise TooLarge(f"A request can have at most {most:,} bytes.")
    try:
        return str(environ["wsgi.input"].read(int(length)), "utf-8")
    except RequestTimeout:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, 3, "The body took too long") from None
    except UnicodeDecodeError:
        raise Malformed("expected UTF-8") from None
