"""`python -m final_app`: the chat on gevent, migrated and ready. gevent patches before all else."""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import logging  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import webbrowser  # noqa: E402
from collections.abc import Callable  # noqa: E402

import gevent  # noqa: E402
from flask import Flask  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from final_app import announce, create_app, keeping, presence, store, wire  # noqa: E402
from final_app.errors import WrongSetting  # noqa: E402
from final_app.wire.handler import Handler  # noqa: E402

STOP_PATIENCE = 4.0  # seconds for requests that are under way


def main() -> int:
    """Serve until SIGINT or SIGTERM; return 0, or 2 when it cannot start."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        app = create_app()
    except WrongSetting as wrong:
        print(wrong.message, file=sys.stderr)
        return 2
    with app.app_context():
        store.upgrade()
        if not app.config["CHAT"].message_queue:
            presence.clear()
    server = WSGIServer((options.host, options.port), app, handler_class=Handler, log=None)
    try:
        server.start()
    except OSError as problem:
        print(
            f"Port {options.port} cannot be used: {problem.strerror}.\n"
            "What to do: stop what holds it, or name another: --port 5001.",
            file=sys.stderr,
        )
        return 2
    _serve(app, server, open_browser=not options.no_browser)
    return 0


def _serve(app: Flask, server: WSGIServer, *, open_browser: bool) -> None:
    host = (
        "localhost" if server.server_host in ("127.0.0.1", "0.0.0.0", "::") else server.server_host
    )
    address = f"http://{host}:{server.server_port}"
    print(f"The chat is at {address}  (Ctrl+C ends it)", flush=True)
    if open_browser:
        webbrowser.open(address)
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, server.stop, STOP_PATIENCE)
    gevent.spawn(_every, presence.REFRESH, app, lambda: presence.refresh(wire.open_sids()))
    gevent.spawn(_every, presence.CHECK, app, announce.orphans)
    gevent.spawn(_every, keeping.EVERY, app, lambda: _sweep(app))
    server._stop_event.wait()
    with app.app_context():
        presence.clear()


def _every(pause: float, app: Flask, work: Callable[[], None]) -> None:
    """Do something now and again; one failure, such as a busy database, does not end it."""
    while True:
        with app.app_context():
            try:
                work()
            except Exception:
                app.logger.exception("Something that is done regularly failed")
        gevent.sleep(pause)


def _sweep(app: Flask) -> None:
    swept = keeping.sweep(app.extensions["files"], app.config["CHAT"].retention_days)
    if any(swept.values()):
        app.logger.info("Removed %s", keeping.counted(swept))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="final_app", description="Serve the chat.")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (127.0.0.1)")
    parser.add_argument("--port", type=int, default=5000, help="port (5000)")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
