"""Numbers in paths, queries and forms. They are small enough for the database."""

import re
from typing import Any

from werkzeug.routing import IntegerConverter, Map

from final_app.storage.models import LARGEST_NUMBER

SHORT = r"[0-9]{1,15}"


class ShortNumber(IntegerConverter):
    """A number in a path. A larger number does not match."""

    regex = SHORT

    def __init__(self, map: Map, *args: Any, **options: Any) -> None:
        super().__init__(map, *args, **({"max": LARGEST_NUMBER} | options))


def parse(text: str) -> int | None:
    """Return the number that a text contains, or None if it contains anything else."""
    if re.fullmatch(SHORT, text) and int(text) <= LARGEST_NUMBER:
        return int(text)
    return None
