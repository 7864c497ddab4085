"""Numbers in paths, queries and forms. They are short enough for the database."""

import re

from werkzeug.routing import IntegerConverter

SHORT = r"[0-9]{1,15}"


class ShortNumber(IntegerConverter):
    """A number in a path. A path with a longer number is not found."""

    regex = SHORT


def parse(text: str) -> int | None:
    """Return the number that a text is, or None if it is anything else."""
    return int(text) if re.fullmatch(SHORT, text) else None
