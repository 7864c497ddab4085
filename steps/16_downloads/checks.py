"""Check what the server receives, because anybody who can connect can send anything."""

NAME_LENGTH, TEXT_LENGTH = 40, 500  # characters at most
LARGEST = 2**53 - 1  # the largest whole number that JavaScript can count to


class ChatError(Exception):
    """A refusal. `code` is for programs, `message` is for people, and `more` can name a field."""

    def __init__(self, code: str, message: str, **more: object) -> None:
        self.code, self.message, self.more = code, message, more

    def answer(self) -> dict[str, object]:
        """Return the refusal as an acknowledgement."""
        error = {"code": self.code, "message": self.message, **self.more}
        return {"ok": False, "error": error}


def field(payload: object, name: str) -> object:
    """Return a field of a payload, or None. Raises ChatError if the payload has no fields."""
    if not isinstance(payload, dict):
        raise ChatError("invalid", f"Expected an object with {name}; got {payload!r:.40}.")
    return payload.get(name)


def number(payload: object, name: str) -> int:
    """Return a field that is a whole number from 0 to LARGEST. Raises ChatError if it is not."""
    value = field(payload, name)
    if type(value) is not int or not 0 <= value <= LARGEST:
        expected = f"Expected '{name}' to be a whole number from 0 to {LARGEST}; got {value!r:.40}."
        raise ChatError("invalid", expected, field=name)
    return value


def checked_name(name: object) -> str:
    """Return a name without spaces around it. Raises ChatError if it is not a usable name."""
    name = name.strip() if isinstance(name, str) else ""
    if not 1 <= len(name) <= NAME_LENGTH or not name.isprintable():
        expected = f"Expected a name of 1 to {NAME_LENGTH} visible characters; got {len(name)}."
        raise ChatError("invalid", expected, field="username")
    return name


def checked_text(text: object) -> str:
    """Return the text of a message. Raises ChatError if it is empty, too long or not text."""
    if not isinstance(text, str) or not text.strip():
        raise ChatError("invalid", f"Expected some text; got {text!r:.40}.", field="text")
    if text.encode(errors="ignore").decode() != text:  # half a character: no database stores it
        raise ChatError("invalid", f"Expected whole characters; got {text!r:.40}.", field="text")
    if len(text) > TEXT_LENGTH:
        expected = f"Expected at most {TEXT_LENGTH} characters; got {len(text)}."
        raise ChatError("invalid", expected, field="text")
    return text
