"""Numbers in paths, queries and forms. They are small enough for the database."""

import re

from werkzeug.routing import IntegerConverter

SHORT = r"[0-9]{1,15}"


class ShortNumber(IntegerConverter):
    """A number in a path. A longer number does not match."""

    regex = SHORT


def parse(text: str) -> int | None:
    """Return the number that a text contains, or None if it contains anything else."""
    return int(text) if re.fullmatch(SHORT, text) else None
