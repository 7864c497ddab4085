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
from gevent.event import Event  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from final_app import create_app, hardening, startup  # noqa: E402
from final_app.errors import CannotStart  # noqa: E402
from final_app.realtime import server as realtime  # noqa: E402
from final_app.wire.handler import Handler  # noqa: E402

OTHER_DESCRIPTORS = 100  # for files and the database; all others are for connections
STOP_PATIENCE = 4.0  # seconds for requests in progress
BACKLOG = 2048  # connections that wait; one too many is tried again by its kernel after a second


def main() -> int:
    """Serve until SIGINT or SIGTERM arrives. Return 0, or 2 if the server cannot start."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        app = create_app()
        startup.prepare(app, options.host)
    except CannotStart as problem:
        print(problem.message, file=sys.stderr)
        return problem.exit_code
    server = WSGIServer(
        (options.host, options.port), app, backlog=BACKLOG, handler_class=Handler, log=None,
        spawn=hardening.descriptors() - OTHER_DESCRIPTORS,
    )  # fmt: skip
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
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, stop.set)
    startup.start_tasks(app)
    stop.wait()
    server.close()  # no new connections
    realtime.say_goodbye()
    Handler.finish(STOP_PATIENCE)


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
