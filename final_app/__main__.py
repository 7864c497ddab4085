"""`python -m final_app` migrates the database and serves the chat with gevent.

gevent must patch the standard library before anything else is imported.
"""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import logging  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import webbrowser  # noqa: E402

import gevent  # noqa: E402
from flask import Flask  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from final_app import create_app, startup  # noqa: E402
from final_app.chat import presence  # noqa: E402
from final_app.errors import WrongSetting  # noqa: E402
from final_app.wire.handler import Handler  # noqa: E402

STOP_PATIENCE = 4.0  # seconds for requests in progress


def main() -> int:
    """Serve until SIGINT or SIGTERM. Return 0, or 2 if the server cannot start."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        app = create_app()
    except WrongSetting as wrong:
        print(wrong.message, file=sys.stderr)
        return 2
    startup.prepare(app, options.host)
    server = WSGIServer((options.host, options.port), app, handler_class=Handler, log=None)
    try:
        server.start()
    except OSError as problem:
        print(
            f"Can't use port {options.port}: {problem.strerror}.\n"
            "Stop the program that uses it, or choose another port: --port 5001.",
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
    print(f"The chat is at {address}  (press Ctrl+C to stop)", flush=True)
    if open_browser:
        webbrowser.open(address)
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, server.stop, STOP_PATIENCE)
    startup.start_tasks(app)
    server._stop_event.wait()
    with app.app_context():
        presence.clear()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="final_app", description="Serve the chat.")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)"
    )
    parser.add_argument("--port", type=int, default=5000, help="port to listen on (default: 5000)")
    parser.add_argument(
        "--no-browser", action="store_true", help="don't open the chat in a browser"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
