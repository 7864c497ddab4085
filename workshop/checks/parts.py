"""Step 03: the parts of the pages, and what a template would show if there were something to show."""

import ast
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from jinja2 import ChainableUndefined, FileSystemLoader, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from workshop.checks.browse import attribute, is_labelled, read, read_chat, text_of, visit
from workshop.checks.families import family_of
from workshop.checks.near_misses import instead_of
from workshop.checks.promise import Broken, attempted, expect, promise
from workshop.stages import Stage

PARTS = {"chat-messages": "div", "message-form": "form", "message-input": "input"}
WILL_DO = {"div": "", "input": ":is(input, textarea)"}  # what else than the step's own tag
FLASK_GIVES = ("request", "session", "g", "config", "get_flashed_messages")  # to every template
MESSAGE = {"username": "Cy", "text": "A thimble"}


class Anything(ChainableUndefined):
    """What a learner gives to the page besides: empty, whatever is done with it."""

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self


@promise(since="templates")
def pages_are_complete(chat: Stage) -> None:
    """Both pages have their title, their language and a stylesheet that arrives."""
    attempted((chat.folder / "templates").is_dir(),
              "The pages stand in a folder `templates`, beside app.py.", "no such folder",
              'The cell with `bring(…)` begins it; `render_template("index.html")` answers with '
              "one.")  # fmt: skip
    for path, title in (("/", "Chat Application"), ("/chat", "Chat Room")):
        page = read(chat, path) if path == "/" else read_chat(chat)
        expect(page.select_one("html[lang]"), f"`{path}` says its language.", "no `lang`",
               '`<html lang="en">`: a screen reader speaks the page in this language.')  # fmt: skip
        expect(page.title and text_of(page.title), f"`{path}` has a title, such as “{title}”.",
               "an empty title" if page.title else "no title",
               f"Put `<title>{title}</title>` into the head of the template.")  # fmt: skip
        _stylesheet_arrives(chat, path, page)


@promise(since="templates")
def links_lead_somewhere(chat: Stage) -> None:
    """Every link of the two pages leads somewhere."""
    ada = family_of(chat).browser("Ada")
    for path, page in (("/", read(chat, "/")), ("/chat", read_chat(chat))):
        for link in page.select("a[href]:not(template a)"):
            target = urlsplit(urljoin(f"{chat.url}{path}", attribute(link, "href")))
            if not target._replace(query="", fragment="").geturl().startswith(f"{chat.url}/"):
                continue
            status = visit(chat, target._replace(scheme="", netloc="").geturl(), by=ada).status_code
            expect(status < HTTPStatus.BAD_REQUEST, f"The link “{text_of(link)}” on {path} opens.",
                   f"status {status} at {target.path}",
                   "Its address comes from `url_for`, with the name of the function.")  # fmt: skip


@promise(since="templates")
def the_chat_page_has_its_parts(chat: Stage) -> None:
    """The chat page has a log of messages, a field for the next one, and Send."""
    page = read_chat(chat)
    for identity, tag in PARTS.items():
        expect(page.select_one(f"{WILL_DO.get(tag, tag)}#{identity}"),
               f'The chat page has `<{tag} id="{identity}">`.',
               f"elements with the ids {[attribute(t, 'id') for t in page.find_all(id=True)]}",
               "The script of step 04 finds the parts of the page by these ids: compare them letter "
               "by letter.")  # fmt: skip
    log = page.find(id="chat-messages")
    assert isinstance(log, Tag)
    expect(attribute(log, "role") == "log", 'The messages stand in an element with role="log".',
           f'role="{attribute(log, "role")}"',
           'With role="log" a screen reader speaks new messages as they come.')  # fmt: skip
    expect(not log.find("form"), "The form stands below the log, not in it.",
           f'the form inside of `<{log.name} id="chat-messages">`',
           f"The log has no end: its `</{log.name}>` is missing, or stands behind the "
           "form.")  # fmt: skip
    expect(page.select_one("#message-form :is(button, [type=submit])"), "The form has a button Send.",
           "no button in `#message-form`", "Add `<button>Send</button>` below the field.")  # fmt: skip
    field = page.find(id="message-input")
    expect(isinstance(field, Tag) and is_labelled(field), "The message field has a label.",
           "no label for message-input",
           'Add `<label for="message-input">Message</label>`.')  # fmt: skip


@promise(since="templates", final_app=True)
def nothing_comes_from_elsewhere(chat: Stage) -> None:
    """Every page works without any other host."""
    front = BeautifulSoup(visit(chat, "/", follow=True).text, "html.parser")
    for page in (front, read_chat(chat)):
        for tag in page.find_all(["script", "link", "img", "iframe"]):
            address = attribute(tag, "src") or attribute(tag, "href")
            host = urlsplit(urljoin(chat.url, address)).netloc
            expect(host in ("", urlsplit(chat.url).netloc),
                   "Scripts and styles come from your own server.", str(tag)[:160],
                   "In a room without internet this page would not work. Use "
                   "`url_for('static', …)`, or the blueprint for the browser client.")  # fmt: skip


@promise(since="templates", until="messages")
def what_stands_in_messages_would_be_shown(chat: Stage) -> None:
    """The chat page would show what stands in `messages`: who wrote it, and the text."""
    given = _given_to_the_page(chat)
    expect(given is None or "messages" in given, "The page is given the list: `messages=messages`.",
           f"given: {', '.join(given or []) or 'nothing'}",
           '`render_template("chat.html", …)` in app.py: a loop over what nobody gave shows nothing, '
           "and says nothing.", about="app.py")  # fmt: skip
    page = BeautifulSoup(page_with_a_message(chat, MESSAGE), "html.parser")
    log = page.find(id="chat-messages")
    shown = text_of(log) if isinstance(log, Tag) else ""
    expect(MESSAGE["username"] in shown and shown.count(MESSAGE["text"]) == 1,
           f"With {MESSAGE} in `messages` the log shows both, the text once.",
           f"“{shown}”" if shown else "no line",
           "`{% for message in messages %}`, and in the gaps `message.username` and `message.text`: "
           "a misspelt name is an empty gap, and no error.")  # fmt: skip


def _stylesheet_arrives(chat: Stage, path: str, page: BeautifulSoup) -> None:
    link = page.find("link", rel="stylesheet")
    if not isinstance(link, Tag):
        file = "index.html" if path == "/" else "chat.html"
        template = chat.folder / "templates" / file
        unused = template.is_file() and "stylesheet" in template.read_text(encoding="utf-8")
        attempted(not unused, f"`{path}` answers with templates/{file}.",
                  "another page, without a stylesheet",
                  "The template is there, and app.py does not use it yet: "
                  f'`render_template("{file}", …)`.')  # fmt: skip
        raise Broken(f"`{path}` links a stylesheet.", 'no <link rel="stylesheet">',
                     'Add `<link rel="stylesheet" href="{{ url_for(\'static\', '
                     "filename='style.css') }}\">` to the head.")  # fmt: skip
    target = urlsplit(urljoin(chat.url + path, attribute(link, "href"))).path
    answer = visit(chat, target)
    expect(answer.status_code == HTTPStatus.OK and "css" in answer.headers.get("Content-Type", ""),
           f"style.css, which `{path}` loads, arrives.",
           f"{target} answers {answer.status_code}, {answer.headers.get('Content-Type')}",
           instead_of(chat.folder, target.lstrip("/"))
           or "Flask serves the folder `static` beside app.py: is style.css in it, spelt so, and is "
           "the address made by `url_for`? Look for a missing quote in the line, too.")  # fmt: skip


def _given_to_the_page(chat: Stage) -> list[str] | None:
    """Return the names that app.py gives to chat.html; None where that cannot be told."""
    for node in ast.walk(ast.parse((chat.folder / "app.py").read_bytes())):
        match node:
            case ast.Call(args=[ast.Constant(value="chat.html")], keywords=given):
                names = [keyword.arg for keyword in given]
                return None if None in names else [name for name in names if name]
    return None


def page_with_a_message(chat: Stage, message: dict[str, str]) -> str:
    """Render chat.html as it is, with one message; whatever else it is given is empty."""
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
                     "The empty list hides it: the lines inside of `{% for message in messages %}` "
                     "are read only when there is a message. Compare them with the "
                     "step.") from None  # fmt: skip
