"""Step 03: the parts of the pages, and what the template would show if there were a message."""

import ast
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from jinja2 import ChainableUndefined, FileSystemLoader, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from workshop.checks.browse import (
    attribute,
    is_labelled,
    parsed,
    read,
    read_chat,
    template_of,
    text_of,
    visit,
)
from workshop.checks.families import family_of
from workshop.checks.near_misses import instead_of_served
from workshop.checks.promise import Broken, attempted, expect, promise
from workshop.checks.sources import speaks_of
from workshop.stages import Stage

PARTS = {"chat-messages": "div", "message-form": "form", "message-input": "input"}
WILL_DO = {"div": "", "input": ":is(input, textarea)"}  # other tags that are accepted
FLASK_GIVES = ("request", "session", "g", "config", "get_flashed_messages")  # to every template
MESSAGE = {"username": "Cy", "text": "A thimble"}


class Anything(ChainableUndefined):
    """A placeholder for any other value that the learner's code passes to the page.

    The placeholder is empty, whatever the template does with it.
    """

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self


@promise(since="templates")
def pages_are_complete(chat: Stage) -> None:
    """Both pages have a title, a language and a stylesheet that loads."""
    attempted((chat.folder / "templates").is_dir(),
              "The pages are in a folder `templates` next to app.py.", "no such folder",
              'The cell with `bring(…)` creates it. Return a page from it with '
              '`render_template("index.html")`.')  # fmt: skip
    for path, title in (("/", "Chat Application"), ("/chat", "Chat Room")):
        page = read(chat, path) if path == "/" else read_chat(chat)
        expect(page.select_one("html[lang]"), f"`{path}` names its language.", "no `lang`",
               'Write `<html lang="en">`. Then a screen reader knows the language of the '
               'page.',
               about=template_of(path))  # fmt: skip
        expect(page.title and text_of(page.title), f"`{path}` has a title, such as “{title}”.",
               "an empty title" if page.title else "no title",
               f"Put `<title>{title}</title>` into the head of the template.",
               about=template_of(path))  # fmt: skip
        _stylesheet_loads(chat, path, page)


@promise(since="templates")
def links_lead_somewhere(chat: Stage) -> None:
    """Every link on the two pages works."""
    ada = family_of(chat).browser("Ada")
    for path, page in (("/", read(chat, "/")), ("/chat", read_chat(chat))):
        for link in page.select("a[href]"):
            target = urlsplit(urljoin(f"{chat.url}{path}", attribute(link, "href")))
            if not target._replace(query="", fragment="").geturl().startswith(f"{chat.url}/"):
                continue
            status = visit(chat, target._replace(scheme="", netloc="").geturl(), by=ada).status_code
            expect(status < HTTPStatus.BAD_REQUEST, f"The link “{text_of(link)}” on {path} works.",
                   f"status {status} at {target.path}",
                   "Create its address with `url_for` and the name of the function.",
                   about=template_of(path))  # fmt: skip


@promise(since="templates", file="templates/chat.html")
def the_chat_page_has_its_parts(chat: Stage) -> None:
    """The chat page has a log of messages, a field for the next one, and a Send button."""
    page = read_chat(chat)
    for identity, tag in PARTS.items():
        expect(page.select_one(f"{WILL_DO.get(tag, tag)}#{identity}"),
               f'The chat page has `<{tag} id="{identity}">`.',
               f"elements with the ids {[attribute(t, 'id') for t in page.find_all(id=True)]}",
               "The script of step 04 uses these ids to find the parts of the page: compare them "
               "letter by letter.")  # fmt: skip
    log = page.find(id="chat-messages")
    assert isinstance(log, Tag)
    expect(attribute(log, "role") == "log", 'The messages are in an element with role="log".',
           f'role="{attribute(log, "role")}"',
           'With role="log", a screen reader reads new messages aloud as they arrive.')  # fmt: skip
    expect(page.select_one(":is(#message-form *, [form=message-form]):is(button, [type=submit])"),
           "The form has a Send button.",
           "no button in `#message-form`", "Add `<button>Send</button>` below the field.")  # fmt: skip
    field = page.find(id="message-input")
    expect(isinstance(field, Tag) and is_labelled(field), "The message field has a label.",
           "no label for message-input",
           'Add `<label for="message-input">Message</label>`.')  # fmt: skip


@promise(since="templates", final_app=True)
def nothing_comes_from_elsewhere(chat: Stage) -> None:
    """Every page works without files from other hosts."""
    front = parsed(visit(chat, "/", follow=True).text)
    for path, page in (("/", front), ("/chat", read_chat(chat))):
        for tag in page.find_all(["script", "link", "img", "iframe"]):
            address = attribute(tag, "src") or attribute(tag, "href")
            host = urlsplit(urljoin(chat.url, address)).netloc
            expect(host in ("", urlsplit(chat.url).netloc),
                   "All scripts and stylesheets come from your own server.", str(tag)[:160],
                   "Without internet access, this page would not work. Use "
                   "`url_for('static', …)`, or the blueprint for the browser client.",
                   about=template_of(path))  # fmt: skip


@promise(since="templates", until="author", file="templates/chat.html")
def each_message_in_the_list_would_be_shown(chat: Stage) -> None:
    """The chat page shows the author and the text of each message in `messages`."""
    given = _given_to_the_page(chat)
    expect(given is None or "messages" in given,
           "app.py passes the list to the page: `messages=messages`.",
           f"it passes {', '.join(given or []) or 'nothing'}",
           'Pass it in `render_template("chat.html", …)`. A loop over a missing value shows nothing, '
           "and raises no error.", about="app.py")  # fmt: skip
    page = parsed(page_with_a_message(chat, MESSAGE))
    log = page.find(id="chat-messages")
    shown = text_of(log) if isinstance(log, Tag) else ""
    expect(MESSAGE["username"] in shown and shown.count(MESSAGE["text"]) == 1,
           f"With {MESSAGE} in `messages`, the log shows the name, and the text once.",
           f"“{shown}”" if shown else "an empty log",
           "In `{% for message in messages %}`, show `message.username` and `message.text`. A "
           "misspelled name shows nothing, and raises no error.")  # fmt: skip


def _stylesheet_loads(chat: Stage, path: str, page: BeautifulSoup) -> None:
    link, file = page.find("link", rel="stylesheet"), template_of(path)
    if not isinstance(link, Tag):
        template = chat.folder / file
        unused = template.is_file() and not speaks_of(chat, template.name)
        attempted(not unused, f"`{path}` shows {file}.", "another page, without a stylesheet",
                  "The template exists, but app.py does not use it yet: return "
                  f'`render_template("{template.name}", …)`.')  # fmt: skip
        raise Broken(f"`{path}` links to a stylesheet.", 'no <link rel="stylesheet">',
                     'Add `<link rel="stylesheet" href="{{ url_for(\'static\', '
                     "filename='style.css') }}\">` to the head.", about=file)  # fmt: skip
    target = urlsplit(urljoin(chat.url + path, attribute(link, "href"))).path
    answer = visit(chat, target)
    expect(answer.status_code == HTTPStatus.OK and "css" in answer.headers.get("Content-Type", ""),
           f"The stylesheet of `{path}` loads.",
           f"{target} returns status {answer.status_code}, {answer.headers.get('Content-Type')}",
           instead_of_served(chat.folder, target.lstrip("/"))
           or "Flask serves the folder `static` next to app.py. Does it contain style.css, spelled "
              "exactly like this, and does `url_for` create its address? Or is a quote missing in "
              "the line?", about=file)  # fmt: skip


def _given_to_the_page(chat: Stage) -> list[str] | None:
    """Return the names that app.py passes to chat.html, or None if its code does not contain them."""
    for node in ast.walk(ast.parse((chat.folder / "app.py").read_bytes())):
        match node:
            case ast.Call(args=[ast.Constant(value="chat.html")], keywords=given):
                names = [keyword.arg for keyword in given]
                return None if None in names else [name for name in names if name]
    return None


def page_with_a_message(chat: Stage, message: dict[str, str]) -> str:
    """Render chat.html unchanged, with one message. All other values are empty."""
    given = _given_to_the_page(chat)

    def nowhere(*_: Any, **__: Any) -> str:
        return ""

    templates = SandboxedEnvironment(
        loader=FileSystemLoader(chat.folder / "templates"),
        autoescape=True,
        undefined=Anything if given is None else ChainableUndefined,
    )
    try:
        template = templates.get_template("chat.html", globals={"url_for": nowhere})
        besides = {name: Anything() for name in (*FLASK_GIVES, *(given or []))}
        return template.render(besides | {"username": "Ada", "messages": [message]})
    except (TemplateError, TypeError) as problem:
        raise Broken("chat.html can show a message.", f"{type(problem).__name__}: {problem}",
                     "The empty list hides the error: the lines inside `{% for message in messages "
                     "%}` run only if there is a message. Compare them with "
                     "the step.") from None  # fmt: skip
