"""Statements that are built with SQLAlchemy once, and that SQLite's own driver runs.

What SQLAlchemy does for each execution takes several times as long as a small statement. Each message
and each connection needs a few of these.
"""

import sqlite3
from collections import namedtuple
from typing import Any

from sqlalchemy import Delete, Insert, Select, Update
from sqlalchemy.dialects.sqlite import dialect

_dialect = dialect()


class Statement:
    """A compiled statement. Its values are given by the names of its `bindparam`.

    For an INSERT, these are the names of its `columns`. Rows have the names of what is selected or
    returned.
    """

    def __init__(
        self, statement: Select[Any] | Insert | Update | Delete, columns: tuple[str, ...] = ()
    ) -> None:
        compiled = statement.compile(dialect=_dialect, column_keys=columns or None)
        self._sql = str(compiled)
        self._fixed = {
            name: value
            for name, value in compiled.params.items()
            if not compiled.binds[name].required
        }
        self._values = [
            (name, compiled.binds[name].type.dialect_impl(_dialect).bind_processor(_dialect))
            for name in compiled.positiontup or ()
        ]
        found = statement.exported_columns
        self._row: Any = namedtuple("Row", map(str, found.keys()))  # type: ignore[misc]
        self._results = [
            (place, convert)
            for place, column in enumerate(found)
            if (convert := column.type.dialect_impl(_dialect).result_processor(_dialect, None))
        ]

    def run(self, connection: sqlite3.Connection, values: dict[str, Any]) -> list[Any]:
        """Run the statement and return its rows. Raises KeyError if a value is missing."""
        given = self._fixed | values
        rows = connection.execute(
            self._sql,
            [convert(given[name]) if convert else given[name] for name, convert in self._values],
        ).fetchall()
        return [self._row(*self._converted(row)) for row in rows]

    def _converted(self, row: tuple[Any, ...]) -> Any:
        """Return a row with times instead of texts, for example."""
        if not self._results:
            return row
        values = list(row)
        for place, convert in self._results:
            values[place] = convert(values[place])
        return values
