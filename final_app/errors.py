"""What can go wrong, as people are told: a code for programs, a sentence for readers."""

from typing import Any

from click import ClickException


class ChatError(Exception):
    """Never raised itself. `field` names the input at fault; `retry_after` is in seconds."""

    code = "internal"
    status = 500

    def __init__(self, message: str, *, field: str = "", retry_after: float = 0.0) -> None:
        self.message = message
        self.field = field
        self.retry_after = retry_after
        super().__init__(message)

    def answer(self) -> dict[str, Any]:
        """Return the acknowledgement of a refusal: {"ok": false, "error": {code, message, …}}."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.field:
            error["field"] = self.field
        if self.retry_after:
            error["retry_after"] = round(self.retry_after, 1)
        return {"ok": False, "error": error}

    def on_form(self, form: str) -> dict[str, str]:
        """Return the refusal as a page shows it, beside the field at fault."""
        return {"form": form, "field": self.field, "message": self.message}


class Invalid(ChatError):
    """The input is not of the expected form."""

    code, status = "invalid", 400


class TooLarge(Invalid):
    """More bytes, pixels or frames than is allowed here."""

    status = 413


class Unsupported(Invalid):
    """A file of a kind that is not let in, or that is not what it seems to be."""

    status = 415


class Full(ChatError):
    """The storage holds all that it may hold."""

    code, status = "full", 507


class Unauthorized(ChatError):
    """Nobody is logged in here, or no longer."""

    code, status = "unauthorized", 401


class Forbidden(ChatError):
    """The person is known, and may not do this."""

    code, status = "forbidden", 403


class NotFound(ChatError):
    """There is no such thing, or not for this person: the answer is the same."""

    code, status = "not_found", 404


class Conflict(ChatError):
    """It exists already, or in another state than the request takes for granted."""

    code, status = "conflict", 409


class RateLimited(ChatError):
    """Too often; `retry_after` says when it will be heard again."""

    code, status = "rate_limited", 429


class Busy(ChatError):
    """Another program holds the database for longer than anybody should wait. Nothing was stored."""

    code, status = "busy", 503


class WrongSetting(ClickException):
    """A setting cannot be understood; the program does not start, and `flask` prints the sentence."""

    exit_code = 2
