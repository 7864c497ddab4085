"""Fetch and read the pages of a stage as a browser would, and explain an error page."""

import re

import requests
from bs4 import BeautifulSoup, Tag

from workshop.browser import TOKEN_HEADER, Browser
from workshop.checks.families import family_of
from workshop.checks.promise import expect
from workshop.checks.speakers import SNIPPET, answered
from workshop.stages import Stage

HIDDEN = 'template, [hidden], [style*="display:none" i], [style*="display: none" i]'


def visit(
    chat: Stage, path: str, *, method: str = "GET", follow: bool = False, by: Browser | None = None
) -> requests.Response:
    """Request a path of the stage, with somebody's browser or as a stranger, and without a token.

    Raises Broken with the cause if the application has an error.
    """
    somebody, headers = by or Browser(chat), {TOKEN_HEADER: ""}
    answer = somebody.request(method, chat.url + path, allow_redirects=follow, headers=headers)
    return answered(chat, answer)


def read(chat: Stage, path: str) -> BeautifulSoup:
    """Return the parsed page at `path`. Raises Broken if the status is not 200."""
    return _parsed(visit(chat, path), path)


def read_chat(chat: Stage, name: str = "Ada", path: str = "") -> BeautifulSoup:
    """Return the parsed chat page, or the page at `path`, as this person sees it."""
    return _parsed(open_chat(chat, name, path), path or family_of(chat).page(name))


def open_chat(chat: Stage, name: str = "Ada", path: str = "") -> requests.Response:
    """Request the chat page, or the page at `path`, as this person, and return the response."""
    family = family_of(chat)
    browser = family.browser(name)
    return visit(chat, path or family.page(name), by=browser, follow=family.accounts)


def lines(chat: Stage, path: str = "") -> list[Tag]:
    """Return the elements of the messages on the page, as Ada sees it."""
    found = read_chat(chat, path=path).select("[data-seq]")
    return [line for line in found if attribute(line, "data-seq")]


def template_of(path: str) -> str:
    """Return the template of the page at this path."""
    return "templates/index.html" if path == "/" else "templates/chat.html"


def parsed(text: str) -> BeautifulSoup:
    """Return a page. If it has no script, nothing can show its hidden elements, so they are left out."""
    page = BeautifulSoup(text, "html.parser")
    for hidden in [] if page.find("script") else page.select(HIDDEN):
        hidden.extract()
    return page


def text_of(page: BeautifulSoup | Tag) -> str:
    return re.sub(r"\s+", " ", page.get_text(" ")).strip()


def quote(page: BeautifulSoup | Tag) -> str:
    text = text_of(page)
    return f"“{text[:SNIPPET]}…”" if len(text) > SNIPPET else f"“{text}”"


def attribute(tag: Tag, name: str) -> str:
    return str(tag.get(name) or "")


def is_labelled(field: Tag) -> bool:
    """Return whether a field has a label, which can be a `<label>` or its own `aria-label`."""
    name = attribute(field, "id")
    page = list(field.parents)[-1]
    labels = [
        *field.find_parents("label"),
        *(page.find_all("label", attrs={"for": name}) if name else []),
    ]
    return any(text_of(label) for label in labels) or field.has_attr("aria-label")


def _parsed(answer: requests.Response, path: str) -> BeautifulSoup:
    route = f'`@app.route("{path.partition("?")[0]}")`'
    expect(answer.status_code == 200, f"{path} returns status 200.", f"status {answer.status_code}",
           f"Is {route} there, spelled exactly like this, and without a slash at the end? If its "
           "function redirects although the address contains a name, compare the name inside "
           '`request.args.get("username")` with the name of the form\'s field.')  # fmt: skip
    return parsed(answer.text)
