"""Fetch and read the pages of a stage as a browser would, and explain an error page."""

import re

import requests
from bs4 import BeautifulSoup, Tag

from workshop.contract.diagnosis import diagnose, last_error
from workshop.contract.promise import Broken
from workshop.stages import Stage

TIMEOUT = 10.0  # seconds
SNIPPET = 160  # characters of an unexpected page that are quoted


def visit(
    chat: Stage, path: str, *, method: str = "GET", follow: bool = False
) -> requests.Response:
    """Request a path of the stage. An error of the application raises Broken with its cause."""
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the machine has no business here
        answer = session.request(method, chat.url + path, timeout=TIMEOUT, allow_redirects=follow)
    if answer.status_code == 500:
        chat.await_log(f'"{method} {path} HTTP/1.1" 500')
        raise Broken(
            expected=f"{method} {path} is answered.",
            seen=f"status 500; the server's log says: {last_error(chat.log)}",
            hint=diagnose(chat.log),
        )
    return answer


def read(chat: Stage, path: str) -> BeautifulSoup:
    """Return the parsed page at `path`; anything but status 200 raises Broken."""
    answer = visit(chat, path)
    if answer.status_code != 200:
        raise Broken(
            expected=f"{path} answers with status 200.",
            seen=f"status {answer.status_code}",
            hint=_status_hint(path, answer.status_code),
        )
    return BeautifulSoup(answer.text, "html.parser")


def text_of(page: BeautifulSoup | Tag) -> str:
    return re.sub(r"\s+", " ", page.get_text(" ")).strip()


def quote(page: BeautifulSoup | Tag) -> str:
    text = text_of(page)
    return f"“{text[:SNIPPET]}…”" if len(text) > SNIPPET else f"“{text}”"


def attribute(tag: Tag, name: str) -> str:
    return str(tag.get(name) or "")


def _status_hint(path: str, status: int) -> str:
    address = path.partition("?")[0]
    if status == 404:
        return f'No route has this address. Is `@app.route("{address}")` there, spelt exactly so?'
    if status in (301, 302, 303, 307, 308):
        return (
            "It sends the reader elsewhere although a name came. Compare the name inside "
            '`request.args.get("username")` with the name of the form\'s field.'
        )
    return f'Look at the function below `@app.route("{address}")`.'
