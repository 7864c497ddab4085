"""URL converters."""

from werkzeug.routing import IntegerConverter


class ShortNumber(IntegerConverter):
    """A number that fits into the database. URLs with longer numbers are not found."""

    regex = r"[0-9]{1,15}"
