"""Parse numbers in paths, queries and forms, and accept only those that fit into the database."""

import re

from werkzeug.exceptions import NotFound
from werkzeug.routing import IntegerConverter

from final_app.storage.models import LARGEST_NUMBER

SHORT = r"[0-9]{1,15}"


class ShortNumber(IntegerConverter):
    """A number in a path. If it is too large for the database, the path is not found."""

    regex = SHORT

    def to_python(self, value: str) -> int:
        number = int(value)
        if number > LARGEST_NUMBER:
            raise NotFound
        return number


def parse(text: str) -> int | None:
    """Return the number that a text contains, or None if it contains anything else."""
    if re.fullmatch(SHORT, text) and int(text) <= LARGEST_NUMBER:
        return int(text)
    return None
