"""`python -m workshop.tiny`: the smallest chat of lab 18, with the `fanout.py` of the current folder.

Like the finished application, this chat runs on gevent's server with `final_app.wire`. It answers only
requests for names of this machine, and each response contains the stage's token. The chat ends together
with the notebook, and it can time its own broadcasts (`workshop.stopwatch`).
"""

import _thread  # instead of threading, which gevent patches
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from workshop import paths
from workshop.finished import end_with_parent


def main() -> int:
    """Serve the chat on the given port until standard input closes. Port 0 means any free port."""
    _thread.start_new_thread(end_with_parent, ())

    from gevent import monkey

    monkey.patch_all()  # before all other imports

    from gevent.pywsgi import WSGIServer

    from final_app.wire.handler import Handler
    from workshop.hosts import OwnHosts
    from workshop.serve import identify
    from workshop.stopwatch import Stopwatch

    sys.path[:0] = [str(Path.cwd()), str(paths.LABS / "18_speed"), str(paths.ROOT)]
    chat: Any = import_module("app")
    stopwatch = Stopwatch(chat.Fanout)
    chat.app.add_url_rule("/stopwatch", view_func=stopwatch.lap, methods=["POST"])
    chat.app.add_url_rule("/stopwatch", "stop", stopwatch.stop, methods=["DELETE"])
    chat.app.after_request(identify)
    chat.app.wsgi_app = OwnHosts(chat.app.wsgi_app)
    port = int(sys.argv[1])
    server = WSGIServer(("127.0.0.1", port), chat.app, handler_class=Handler, log=None)
    server.start()
    print(f"The chat is at http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
