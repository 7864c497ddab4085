"""Errors that users see. Each has a code for programs and a message for people."""

from typing import Any

from click import ClickException


class ChatError(Exception):
    """The base class. `field` is the name of the wrong input, and `retry_after` is in seconds."""

    code = "internal"
    status = 500

    def __init__(self, message: str, *, field: str = "", retry_after: float = 0.0) -> None:
        self.message = message
        self.field = field
        self.retry_after = retry_after
        super().__init__(message)

    def answer(self) -> dict[str, Any]:
        """Return the error as an acknowledgement: {"ok": false, "error": {code, message, …}}."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.field:
            error["field"] = self.field
        if self.retry_after:
            error["retry_after"] = round(self.retry_after, 1)
        return {"ok": False, "error": error}

    def on_form(self, form: str) -> dict[str, str]:
        """Return what a page needs to show the error next to the wrong field."""
        return {"form": form, "field": self.field, "message": self.message}


class Invalid(ChatError):
    """The input does not have the expected form."""

    code, status = "invalid", 400


class TooLarge(Invalid):
    """The upload has more bytes or pixels than allowed."""

    status = 413


class Unsupported(Invalid):
    """The type of a file is not allowed, or its content cannot be read."""

    status = 415


class Full(ChatError):
    """The storage quota is used up."""

    code, status = "full", 507


class Unauthorized(ChatError):
    """Nobody is logged in, or the session has ended."""

    code, status = "unauthorized", 401


class Forbidden(ChatError):
    """The user is logged in, but is not allowed to do this."""

    code, status = "forbidden", 403


class NotFound(ChatError):
    """The thing does not exist, or the user has no access to it. The response is the same for both."""

    code, status = "not_found", 404


class Conflict(ChatError):
    """The thing already exists, or its current state does not allow this request."""

    code, status = "conflict", 409


class RateLimited(ChatError):
    """The rate limit is exceeded. `retry_after` is the number of seconds to wait."""

    code, status = "rate_limited", 429


class Unavailable(ChatError):
    """The chat cannot write to its database or its disk. Nothing was stored."""

    def with_cause(self) -> str:
        """Return the message and its cause on one line, for the operator of the chat."""
        cause = " ".join(str(self.__cause__ or "").split())
        return f"{self.message} ({cause})" if cause else self.message


class Busy(Unavailable):
    """Another process has locked the database for too long."""

    code, status = "busy", 503


class NotReady(Unavailable):
    """The response of /readyz while the chat cannot write. Its message contains the reason."""

    code, status = "not_ready", 503


class DiskFull(Unavailable):
    """The server's disk is full. Requests that only read still work."""

    code, status = "disk_full", 507


class Unwritable(Unavailable):
    """The database's file cannot be opened or written, for example because its disk is read-only."""

    code, status = "unwritable", 500


class Damaged(Unavailable):
    """A part of the database is damaged or missing."""

    code, status = "damaged", 500


class CannotStart(ClickException):
    """The program does not start. `flask` and `python -m final_app` print the message."""

    exit_code = 2


class WrongSetting(CannotStart):
    """A setting is not valid."""
