"""What comes from outside is checked here: whoever can connect can send anything."""

from math import ceil
from time import monotonic

NAME_LENGTH, TEXT_LENGTH = 40, 500  # characters at most
MOST_MESSAGES, PERIOD = 10, 10.0  # what one connection may send, in how many seconds
LARGEST = 2**53 - 1  # JavaScript counts no further, and no chat gets there

sent_at: dict[str, list[float]] = {}  # the id of a connection → when it has sent, in seconds


class ChatError(Exception):
    """A refusal: `code` is for programs, `message` for people; `more` may name the field at fault."""

    def __init__(self, code: str, message: str, **more: object) -> None:
        self.code, self.message, self.more = code, message, more

    def answer(self) -> dict[str, object]:
        """Return the refusal as an acknowledgement."""
        error = {"code": self.code, "message": self.message, **self.more}
        return {"ok": False, "error": error}


def field(payload: object, name: str) -> object:
    """Return a field of what came, or None. Raises ChatError when it is nothing that has fields."""
    if not isinstance(payload, dict):
        raise ChatError("invalid", f"Expected an object with {name}; {payload!r:.40} came.")
    return payload.get(name)


def number(payload: object, name: str) -> int:
    """Return a field that is a number, from 0 on. Raises ChatError when it is none."""
    value = field(payload, name)
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise ChatError("invalid", f"Expected a number as {name}; {value!r:.40} came.", field=name)
    return value


def checked_name(name: object) -> str:
    """Return a name without blanks around it. Raises ChatError when it will not do."""
    name = name.strip() if isinstance(name, str) else ""
    if not 1 <= len(name) <= NAME_LENGTH or not name.isprintable():
        expected = f"Expected a name of 1 to {NAME_LENGTH} visible characters; {len(name)} came."
        raise ChatError("invalid", expected, field="username")
    return name


def checked_text(text: object) -> str:
    """Return the text of a message. Raises ChatError when it is none, or too long."""
    if not isinstance(text, str) or not text.strip():
        raise ChatError("invalid", f"Expected some text; {text!r:.40} came.", field="text")
    if text.encode(errors="ignore").decode() != text:  # half a character: nothing stores it
        raise ChatError("invalid", f"Expected whole characters; {text!r:.40} came.", field="text")
    if len(text) > TEXT_LENGTH:
        expected = f"Expected at most {TEXT_LENGTH} characters; {len(text)} came."
        raise ChatError("invalid", expected, field="text")
    return text


def count_message(sid: str) -> None:
    """Note that a connection sends now. Raises ChatError when it does so too often."""
    now = monotonic()
    recent = [moment for moment in sent_at.get(sid, []) if moment > now - PERIOD]
    if len(recent) >= MOST_MESSAGES:
        wait = ceil(recent[0] + PERIOD - now)  # until the oldest of them no longer counts
        message = f"Expected at most {MOST_MESSAGES} messages in {PERIOD:.0f} s. Wait {wait} s."
        raise ChatError("rate_limited", message, retry_after=wait)
    sent_at[sid] = [*recent, now]
