"""`python -m final_app` migrates the database and serves the chat with gevent.

gevent must patch the standard library before anything else is imported.
"""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import webbrowser  # noqa: E402
from collections.abc import Callable  # noqa: E402

import gevent.socket  # noqa: E402
from flask import Flask  # noqa: E402
from gevent.event import Event  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from final_app import config, create_app, hardening, startup, workers  # noqa: E402
from final_app.errors import CannotStart  # noqa: E402
from final_app.lib import logs  # noqa: E402
from final_app.realtime import server as realtime  # noqa: E402
from final_app.wire.handler import PER_ADDRESS, Handler  # noqa: E402

OTHER_DESCRIPTORS = 100  # reserved for files and the database; connections can use all others
SHARES = 4  # an address can use at most a quarter of all connections
STOP_PATIENCE = 4.0  # seconds that requests in progress have to finish
MOST_WORKERS = 100
BACKLOG = 2048  # waiting connections; if there are more, the client's kernel retries after a second


def main() -> int:
    """Serve until a signal arrives, and return 0. Return 2 if the server cannot start."""
    options = _options()
    try:
        logs.to_standard_error(config.read().log)
        if options.workers > 1:
            workers.check(config.read())
            startup.check_once(create_app())
            with workers.kept_port(options.host, options.port) as port:
                _tell_address(options.host, port, open_browser=False)
                workers.run(options.workers, options.host, port)
            return 0
        app = create_app()
        startup.prepare(app, options.host)
        server = _listening(app, options)
    except CannotStart as problem:
        print(problem.message, file=sys.stderr)
        return problem.exit_code
    _serve(app, server, options)
    return 0


def _listening(app: Flask, options: argparse.Namespace) -> WSGIServer:
    """Return a server that is already listening. Raises CannotStart if the address cannot be used."""
    address = (options.host, options.port)
    with workers.refusing_address(*address) as family:
        listener = socket.create_server(
            address, family=family, backlog=BACKLOG, reuse_port=options.shared_port,
            # At ::, also listen to IPv4. The browser may look up localhost as 127.0.0.1.
            dualstack_ipv6=family == socket.AF_INET6 and socket.has_dualstack_ipv6(),
        )  # fmt: skip
    descriptors = hardening.descriptors()
    if app.config["CHAT"].proxy_hops:  # the proxy limits the connections of each client
        Handler.most_per_address = 0
    else:
        Handler.most_per_address = min(PER_ADDRESS, descriptors // SHARES)
    server = WSGIServer(
        listener, app, handler_class=Handler, log=None,
        error_log=logging.getLogger("final_app.server"),
        spawn=descriptors - OTHER_DESCRIPTORS,
    )  # fmt: skip
    server.start()
    return server


def _serve(app: Flask, server: WSGIServer, options: argparse.Namespace) -> None:
    if options.shared_port:
        # The line contains its end, so that even an unbuffered Python writes once. Several processes
        # share the log.
        print(f"Process {os.getpid()} is ready.\n", end="", flush=True)
    else:
        _tell_address(options.host, server.server_port, open_browser=not options.no_browser)
    stop = Event()
    for number in workers.stop_signals():
        gevent.signal_handler(number, stop.set)
    if options.shared_port:  # standard input ends together with the process that started this one
        gevent.spawn(gevent.socket.wait_read, sys.stdin.fileno()).link(lambda _: stop.set())
    startup.start_tasks(app)
    stop.wait()
    server.close()  # no new connections
    realtime.say_goodbye()
    Handler.finish(STOP_PATIENCE)
    startup.finish(app)


def _tell_address(host: str, port: int, *, open_browser: bool) -> None:
    is_here = host in ("127.0.0.1", "0.0.0.0", "::")
    name = "localhost" if is_here else f"[{host}]" if ":" in host else host
    address = f"http://{name}:{port}"
    print(f"The chat is at {address}  (press Ctrl+C to stop)", flush=True)
    if open_browser:
        webbrowser.open(address)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="final_app", description="Serve the chat.")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--port", type=_number(0, 65_535), default=5000, help="port to listen on (default: 5000)"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="don't open the chat in a browser"
    )
    parser.add_argument(
        "--workers", type=_number(1, MOST_WORKERS), default=1,
        help="number of processes; more than one needs Linux and PostgreSQL (default: 1)",
    )  # fmt: skip
    parser.add_argument("--shared-port", action="store_true", help=argparse.SUPPRESS)
    options, rest = parser.parse_known_args()
    if rest:
        commands = (
            "" if rest[0].startswith("-") else "; commands begin with `flask --app final_app`"
        )
        parser.error(f"unrecognized arguments: {' '.join(rest)}{commands}")
    if not options.host:  # it would mean all addresses
        parser.error("argument --host: expected an address such as 127.0.0.1, got ''")
    return options


def _number(least: int, most: int) -> Callable[[str], int]:
    """Return a function that reads an option whose value must be between two numbers."""

    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"expected a number from {least} to {most}, got {text!r}"
            )
        return int(text)

    return read


if __name__ == "__main__":
    sys.exit(main())
