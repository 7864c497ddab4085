"""Serve the scripts, styles and pictures of the pages, at addresses that change when the files do.

A page loads about forty of these files. Their addresses contain a hash of all of them, so a browser can
keep the files and doesn't have to request them again. After an upgrade of the chat, the addresses are
new.
"""

import hashlib
import mimetypes
from pathlib import Path

from flask import Flask, Response

KEPT = 31_536_000  # seconds that a browser may keep a file: a year
DIGITS = 12  # of the hash
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def add_to(app: Flask) -> None:
    """Add the route for the files in the folder `static`, which Flask then does not serve itself."""
    app.static_folder = "static"
    # On Windows, another program may have registered other types. Browsers would refuse the files.
    for ending, kind in TYPES.items():
        mimetypes.add_type(kind, ending)
    current = version(Path(app.static_folder))

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, str]) -> None:
        if endpoint == "static":
            values["version"] = current

    @app.get("/static/<version>/<path:filename>", endpoint="static")
    def send(version: str, filename: str) -> Response:
        answer = app.send_static_file(filename)
        # During an upgrade, another process may ask for its own version, and get this one.
        if version == current and not app.debug:
            answer.headers["Cache-Control"] = f"public, max-age={KEPT}, immutable"
        return answer


def version(folder: Path) -> str:
    """Return a hash of the names and the contents of all files in a folder."""
    hashed = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        hashed.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        hashed.update(hashlib.sha256(path.read_bytes()).digest())
    return hashed.hexdigest()[:DIGITS]
