"""The database of an application, and its migrations."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

import flask_migrate
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import Connection, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from final_app.errors import CannotStart, Unavailable, WrongSetting
from final_app.storage import damage
from final_app.storage.models import db
from final_app.storage.sqlite import Sqlite

log = logging.getLogger(__name__)
MIGRATIONS = Path(__file__).parent / "migrations"


class Database(Protocol):
    """What SQLite and PostgreSQL do differently. See `storage.sqlite` and `storage.postgresql`."""

    options: ClassVar[dict[str, Any]]  # of SQLAlchemy's engine

    @property
    def is_held_by_others(self) -> bool: ...

    def claim(self, folder: Path) -> None: ...

    def check(self, *, whole: bool = True) -> None: ...

    def lock_migrations(self, connection: Connection) -> None: ...

    def close(self) -> None: ...

    def only_here(self) -> AbstractContextManager[bool]: ...

    def write(self, patience: float, *, alone: bool) -> AbstractContextManager[Connection]: ...

    def mark(self, connection: Connection) -> str: ...

    def has_committed(self, mark: str) -> bool: ...

    def read(self) -> AbstractContextManager[Connection]: ...

    def explain(self, problem: BaseException, connection: Connection) -> None: ...

    def may_try_again(self, problem: Exception, tries: int, since: float) -> bool: ...


def current() -> Database:
    return cast(Database, current_app.extensions["database"])


def at(url: str) -> Database:
    """Return the database for a URL. Raises WrongSetting if its driver is not installed."""
    if make_url(url).get_backend_name() == "sqlite":
        return Sqlite()
    try:
        from final_app.storage.postgresql import Postgresql
    except ModuleNotFoundError:
        raise WrongSetting(
            "CHAT_DATABASE_URL: PostgreSQL needs the package psycopg. "
            "Install the chat with it: pip install '.[chat,scale]'"
        ) from None
    return Postgresql()


def upgrade() -> bool:
    """Migrate the database to this version of the chat. Return whether it was empty before.

    This needs an application context. All migrations run in one transaction. If one of them fails, the
    database is as it was before. Raises CannotStart if a migration fails, if a table is missing after
    it, or if a newer version of the chat has migrated the database.
    """
    known = ScriptDirectory(str(MIGRATIONS))
    try:
        with explained():
            found = _heads()
            _refuse_newer(found, known)
            if found != set(known.get_heads()):  # else wait for no lock
                if found:
                    log.warning(
                        "Migrating the database from version %s to %s. With a million messages, this "
                        "can take a minute.", min(found), known.get_current_head(),
                    )  # fmt: skip
                flask_migrate.upgrade(directory=str(MIGRATIONS))
            missing = set(db.metadata.tables) - set(inspect(db.engine).get_table_names())
    except SQLAlchemyError as problem:
        why = " ".join(str(getattr(problem, "orig", problem)).split())
        advice = f" {damage.advice(_path())}" if db.engine.name == "sqlite" else ""
        raise CannotStart(
            f"The chat can't migrate its database {_path()} to this version ({why}). The database "
            f"was not changed.{advice}"
        ) from None
    if missing:
        raise CannotStart(damage.sentence(_path(), f"missing tables: {', '.join(sorted(missing))}"))
    return not found


def is_empty() -> bool:
    """Return whether the database has no tables of the chat yet."""
    return not _heads()


@contextmanager
def explained() -> Iterator[None]:
    """Raise CannotStart if the database cannot be used, either before the block or in it."""
    current().check(whole=False)
    try:
        yield
    except Unavailable as problem:
        raise CannotStart(f"The chat can't start. {problem.with_cause()}") from None


def _refuse_newer(found: set[str], known: ScriptDirectory) -> None:
    if newer := found - {each.revision for each in known.walk_revisions()}:
        raise CannotStart(
            f"The database {_path()} belongs to a newer version of the chat: its migration is "
            f"{min(newer)}, and the newest one here is {known.get_current_head()}. Install the version "
            "that used the database last, or see docs/running.md, “Upgrade and rollback”."
        )


def _heads() -> set[str]:
    """Return the last migration of the database, or an empty set if it has no tables yet."""
    with db.engine.connect() as connection:
        return set(MigrationContext.configure(connection).get_current_heads())


def _path() -> Path:
    return Path(db.engine.url.database or "")
