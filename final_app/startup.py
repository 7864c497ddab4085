"""What every server does before and while it serves, and what `python -m final_app` does afterwards."""

import logging
from collections.abc import Callable

from flask import Flask

from final_app import current, retention
from final_app.chat import presence
from final_app.errors import Unavailable
from final_app.hardening import too_few_descriptors
from final_app.lib import clock
from final_app.lib.logs import Seldom
from final_app.realtime import broadcast, server
from final_app.storage import database, outbox
from final_app.web.first_run import require_code

_postponed = Seldom(logging.getLogger(__name__))


def prepare(app: Flask, host: str) -> None:
    """Check and migrate the database, begin to receive facts, and print the code for the first run.

    `host` is the address that this server listens on. Raises CannotStart if the database cannot be used,
    or if another server uses it and it is not PostgreSQL.
    """
    if few := too_few_descriptors():
        app.logger.warning("%s", few)
    with app.app_context():
        database.current().claim(current.settings().data_dir)
        _check_database()
        outbox.current().begin()
        require_code(host)


def check_once(app: Flask) -> None:
    """Check and migrate the database, and close it. Raises CannotStart if it cannot be used.

    A process that starts others does this first. Otherwise, they would fail again and again.
    """
    with app.app_context():
        _check_database()
    finish(app)


def start_tasks(app: Flask) -> None:
    """Start the background tasks: announce presence, receive facts, and remove old data."""
    for pause, work in (
        (presence.EVERY, broadcast.online),
        (outbox.POLL, lambda: outbox.current().receive()),
        (retention.EVERY, _sweep),
    ):
        server.in_background(_repeat, app, pause, work)


def finish(app: Flask) -> None:
    """Close the database when the server stops."""
    with app.app_context():
        database.current().close()


def _check_database() -> None:
    database.current().check()
    database.upgrade()


def _repeat(app: Flask, pause: float, work: Callable[[], None]) -> None:
    """Repeat a task forever. An error is logged, and the task is repeated all the same."""
    while True:
        with app.app_context():
            try:
                work()
            except Unavailable as refusal:
                _postponed.error(f"A background task has to wait. {refusal.with_cause()}")
            except Exception:
                app.logger.exception("A background task failed")
        clock.pause(pause)


def _sweep() -> None:
    with database.current().only_here() as only_here:
        if not only_here:  # another process sweeps
            return
        removed = retention.sweep(current.files(), current.settings().retention_days)
        if any(removed.values()):
            logging.info("Removed %s", retention.summary(removed))
