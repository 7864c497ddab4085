"""Statements that SQLAlchemy compiles once, and that the database's own driver then runs.

What SQLAlchemy does for each execution takes several times as long as a small statement itself. Every
message and every connection needs a few small statements, so compiling them once saves much time.
"""

from collections import namedtuple
from typing import Any

from sqlalchemy import Connection, Delete, Dialect, Insert, Select, Update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

AnyStatement = Select[Any] | Insert | Update | Delete


class json_each(GenericFunction[Any]):  # noqa: N801
    """Turns a JSON list of texts into a table with the column `value`, as SQLite's json_each does."""

    inherit_cache = True


@compiles(json_each, "postgresql")
def _for_postgresql(element: json_each, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS json))"


class Statement:
    """A statement that is compiled when it is run for the first time.

    When you run it, you pass each value under the name of its `bindparam`. For an INSERT, pass each
    value under the name of its column, which must be one of `columns`. The rows are named tuples, with
    the names of the columns that are selected or returned.
    """

    def __init__(self, statement: AnyStatement, columns: tuple[str, ...] = ()) -> None:
        self._statement, self._columns = statement, columns
        found = statement.exported_columns
        self._row: Any = namedtuple("Row", map(str, found.keys()))  # type: ignore[misc]
        self._compiled: dict[str, _Compiled] = {}  # by the name of the dialect

    def run(self, connection: Connection, values: dict[str, Any]) -> list[Any]:
        """Run the statement and return its rows. Raises KeyError if a value is missing.

        Other errors come from the driver, such as `sqlite3.OperationalError`, and not from SQLAlchemy.
        """
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = _Compiled(self._statement, self._columns, dialect)
            self._compiled[dialect.name] = compiled
        rows = compiled.run(connection.connection.driver_connection, values)
        return [self._row(*row) for row in rows]


class _Compiled:
    """A statement that is compiled for one database."""

    def __init__(self, statement: AnyStatement, columns: tuple[str, ...], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns or None)
        self._sql = str(compiled)
        self._fixed = {
            name: value
            for name, value in compiled.params.items()
            if not compiled.binds[name].required
        }
        self._by_place = compiled.positiontup is not None  # false: values are bound by name
        self._values = [
            (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in (compiled.positiontup if self._by_place else compiled.params) or ()
        ]
        self._results = [
            (place, convert)
            for place, column in enumerate(statement.exported_columns)
            if (convert := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]

    def run(self, driver: Any, given: dict[str, Any]) -> list[Any]:
        given = self._fixed | given
        values = [
            convert(given[name]) if convert else given[name] for name, convert in self._values
        ]
        found = driver.execute(self._sql, self._bound(values))
        rows = found.fetchall() if found.description else []
        return [self._converted(row) for row in rows] if self._results else rows

    def _bound(self, values: list[Any]) -> Any:
        if self._by_place:
            return values
        return {name: value for (name, _), value in zip(self._values, values, strict=True)}

    def _converted(self, row: tuple[Any, ...]) -> list[Any]:
        """Return a row with Python values: a text from SQLite becomes a time, for example."""
        values = list(row)
        for place, convert in self._results:
            values[place] = convert(values[place])
        return values
