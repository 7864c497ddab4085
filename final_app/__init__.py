"""The complete chat. `create_app` connects its parts and contains no logic of its own.

This module imports no third-party package at module level, because `python -m final_app` runs it before
`__main__` calls gevent to patch the standard library.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from final_app.config import Settings


def create_app(settings: "Settings | None" = None) -> "Flask":
    """Create the application and return it. Raises WrongSetting if a setting is not valid.

    If `settings` is not given, this reads the settings from the environment and protects the process
    (see `hardening`).
    """
    from flask import Flask
    from flask_migrate import Migrate

    from final_app import cli, config, hardening
    from final_app.realtime import handlers, server
    from final_app.storage.database import MIGRATIONS
    from final_app.storage.models import db
    from final_app.web import csrf, errors, headers, static

    if settings is None:
        settings = config.read()
        hardening.protect_process()
    app = Flask(__name__, static_folder=None)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # as in Socket.IO packets
    _configure(app, settings)
    _add_extensions(app, settings)
    db.init_app(app)
    Migrate(app, db, directory=str(MIGRATIONS))
    csrf.protect(app)
    headers.add_to(app, settings.frame_ancestors)
    static.add_to(app)
    errors.register(app)
    _register_routes(app)
    assert handlers  # importing it registers the events
    server.attach(app, settings)
    cli.register(app)
    for command in hardening.commands_that_close(settings):
        app.logger.warning("Other users of this machine can read the chat's data. Run: %s", command)
    return app


def _add_extensions(app: "Flask", settings: "Settings") -> None:
    """Add the objects that `current`, `outbox.current` and `database.current` return."""
    from final_app.chat.presence import Presence
    from final_app.lib.audit import SecurityLog
    from final_app.lib.rate_limit import RateLimiter
    from final_app.realtime import broadcast, server
    from final_app.storage import database, outbox
    from final_app.storage.files import Files
    from final_app.storage.groups import Groups
    from final_app.storage.readiness import Readiness
    from final_app.storage.transaction import run_all

    app.extensions.update(rate_limiter=RateLimiter(settings), files=Files(settings))
    app.extensions["security_log"] = SecurityLog(settings.data_dir)
    app.extensions.update(readiness=Readiness(), presence=Presence())
    app.extensions["groups"] = Groups(run_all)
    app.extensions["outbox"] = outbox.at(settings.database, broadcast.tell, server.close_all)
    app.extensions["database"] = kind = database.at(settings.database)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = kind.options


def _register_routes(app: "Flask") -> None:
    from socketio_browser import socketio_browser

    from final_app.web import account, api, metrics, pages, uploads
    from final_app.web.numbers import ShortNumber

    app.url_map.converters["int"] = ShortNumber
    own = api.api, uploads.api_files, pages.pages, account.account, metrics.metrics
    for blueprint in (*own, socketio_browser):
        app.register_blueprint(blueprint)


def _configure(app: "Flask", settings: "Settings") -> None:
    from final_app import cli, config, hardening

    app.config.update(
        CHAT=settings,
        # A command needs no key. If the path of the data folder is wrong, it must not create a new one.
        SECRET_KEY=None if cli.is_command() else hardening.secret_key(settings),
        SQLALCHEMY_DATABASE_URI=settings.database,
        SESSION_COOKIE_NAME="chat_csrf",
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,  # the token is valid as long as the session
        MAX_CONTENT_LENGTH=config.LARGEST_PACKET,
        MAX_FORM_MEMORY_SIZE=config.MOST_FIELD_BYTES,
        MAX_FORM_PARTS=config.MOST_FIELDS,
    )
