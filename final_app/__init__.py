"""The complete chat: `create_app` wires its parts together and decides nothing.

Nothing third-party is imported here at module level: `python -m final_app` runs this file before
`__main__` can let gevent patch the standard library.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from final_app.config import Settings


def create_app(settings: "Settings | None" = None) -> "Flask":
    """Return the application. Raises WrongSetting.

    Without settings it is a program of its own: it reads the environment and protects its process.
    """
    from flask import Flask
    from flask_migrate import Migrate

    from final_app import cli, config, errorpages, events, gate, hardening, store, wire
    from final_app.files import Files
    from final_app.models import db
    from final_app.throttle import Throttle

    if settings is None:
        settings = config.read()
        hardening.protect_process()
    app = Flask(__name__)
    _configure(app, settings)
    app.session_interface = gate.CsrfSession()
    app.extensions["throttle"] = Throttle(settings)
    app.extensions["files"] = Files(settings)
    app.url_map.converters["int"] = gate.Number
    _register_routes(app)
    gate.Csrf(app)
    db.init_app(app)
    Migrate(app, db, directory=str(store.MIGRATIONS))
    gate.protect(app, settings.frame_ancestors)
    errorpages.register(app)
    wire.attach(app, settings)
    cli.register(app)
    for command in hardening.commands_that_close(settings):
        app.logger.warning("Other users of this machine can read the chat's data. Run: %s", command)
    assert events  # importing it registers the handlers
    return app


def _register_routes(app: "Flask") -> None:
    from socketio_browser import socketio_browser

    from final_app import account_pages, api, api_files, pages

    own = api.api, api_files.api_files, pages.pages, account_pages.account
    for blueprint in (*own, socketio_browser):
        app.register_blueprint(blueprint)


def _configure(app: "Flask", settings: "Settings") -> None:
    from werkzeug.middleware.proxy_fix import ProxyFix

    from final_app import config, store, wire

    app.config.update(
        CHAT=settings,
        SECRET_KEY=config.secret(settings),
        SQLALCHEMY_DATABASE_URI=settings.database,
        SQLALCHEMY_ENGINE_OPTIONS=store.options(settings.database),
        SESSION_COOKIE_NAME="chat_csrf",
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the log-in
        MAX_CONTENT_LENGTH=wire.LARGEST_PACKET,
    )
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops
        )
