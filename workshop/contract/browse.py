"""Fetch and read the pages of a stage as a browser would, and explain an error page."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from bs4 import BeautifulSoup, Tag

from workshop.browser import NotLoggedIn
from workshop.contract.asking import answered
from workshop.contract.diagnosis import LOG_SAYS, cause, last_error
from workshop.contract.families import family_of
from workshop.contract.promise import Broken
from workshop.stages import Stage

TIMEOUT = 10.0  # seconds
SNIPPET = 160  # characters of an unexpected page that are quoted
COMES_IN = "Who registers or logs in comes into the chat."
NO_TOKEN_IN_FORM = (
    'The forms carry no CSRF token: `<input type="hidden" name="csrf_token" '
    'value="{{ csrf_token() }}">`, in each form.'
)
NO_COOKIE = (
    "Both routes end with a log-in: a row in the table, its token in the cookie, and a redirect to "
    "`/chat`, which finds the row by the token again."
)


def visit(
    chat: Stage,
    path: str,
    *,
    method: str = "GET",
    follow: bool = False,
    by: requests.Session | None = None,
    **options: Any,
) -> requests.Response:
    """Request a path of the stage, as somebody or as a stranger.

    An error of the application raises Broken with its cause.
    """
    session = by or _stranger()
    options = {"timeout": TIMEOUT, "allow_redirects": follow} | options
    return answered(chat, session.request(method, chat.url + path, **options))


def read(chat: Stage, path: str) -> BeautifulSoup:
    """Return the parsed page at `path`; anything but status 200 raises Broken."""
    return _parsed(visit(chat, path), path)


def read_chat(chat: Stage, name: str = "Ada", path: str = "") -> BeautifulSoup:
    """Return the chat's page as this person sees it, or another page of theirs."""
    return _parsed(open_chat(chat, name, path), path or family_of(chat).page(name))


def open_chat(chat: Stage, name: str = "Ada", path: str = "") -> requests.Response:
    """Return the answer with the chat's page, as it arrives for this person."""
    family = family_of(chat)
    with let_in(chat):
        browser = family.browser(chat, name)
    return visit(chat, path or family.page(name), by=browser, follow=family.has_accounts)


def _parsed(answer: requests.Response, path: str) -> BeautifulSoup:
    if answer.status_code != 200:
        raise Broken(
            expected=f"{path} answers with status 200.",
            seen=f"status {answer.status_code}",
            hint=_status_hint(path, answer.status_code),
        )
    return BeautifulSoup(answer.text, "html.parser")


@contextmanager
def let_in(chat: Stage) -> Iterator[None]:
    """Say in a learner's words that somebody came through no door."""
    try:
        yield
    except NotLoggedIn as problem:
        answered(chat, problem.answer)
        raise Broken(
            sentence=COMES_IN,
            expected="`POST /register`, or `POST /login`, and then `/chat` opens.",
            # A page that fails carries no token either: what is seen is the failure, not the form.
            seen=f"a page fails{LOG_SAYS}{last_error(chat.log)}"
            if "Traceback" in chat.log
            else f"status {problem.status}, “{problem.page[:SNIPPET]}”",
            hint=cause(chat.log, NO_TOKEN_IN_FORM if "CSRF" in problem.page else NO_COOKIE),
        ) from None


def _stranger() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # a proxy of the machine has no business here
    return session


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
