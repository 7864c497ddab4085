"""Promises about the parts of the pages: title, stylesheet, messages, form, scripts."""

from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag

from workshop.contract.browse import attribute, read, read_chat, text_of, visit
from workshop.contract.families import family_of
from workshop.contract.promise import Broken, NotAttempted, promise
from workshop.stages import Stage


@promise(since="03")
def pages_are_complete(chat: Stage) -> None:
    """Both pages have their title, their language and a stylesheet that arrives."""
    if not (chat.folder / "templates").is_dir():
        raise NotAttempted(
            expected="The pages stand in a folder `templates`, beside app.py.",
            seen="no such folder",
            hint='The cell with `bring(…)` begins it; `render_template("index.html")` answers with one.',
        )
    for path, title in (("/", "Chat Application"), ("/chat", "Chat Room")):
        page = read(chat, path) if path == "/" else read_chat(chat)
        seen = text_of(page.title) if page.title else "no title"
        if seen != title:
            raise Broken(
                expected=f"`{path}` has the title “{title}”.",
                seen=seen,
                hint=f"Put `<title>{title}</title>` into the head of the template.",
            )
        _stylesheet_arrives(chat, path, page)


@promise(since="03")
def links_lead_somewhere(chat: Stage) -> None:
    """Every link of the two pages leads somewhere."""
    pages, ada = (
        (("/", read(chat, "/")), ("/chat", read_chat(chat))),
        family_of(chat).browser(chat, "Ada"),
    )
    for path, page in pages:
        for link in page.select("a[href]:not(template a)"):
            target = urlsplit(urljoin(f"{chat.url}{path}", attribute(link, "href")))
            if not target._replace(query="", fragment="").geturl().startswith(f"{chat.url}/"):
                continue
            status = visit(chat, target._replace(scheme="", netloc="").geturl(), by=ada).status_code
            if status >= HTTPStatus.BAD_REQUEST:
                raise Broken(
                    expected=f"The link “{text_of(link)}” on {path} opens.",
                    seen=f"status {status} at {target.path}",
                    hint="Its address comes from `url_for`, with the name of the function.",
                )


def _stylesheet_arrives(chat: Stage, path: str, page: BeautifulSoup) -> None:
    link = page.find("link", rel="stylesheet")
    if not isinstance(link, Tag):
        _comes_from_its_template(chat, path)
        raise Broken(
            expected=f"`{path}` links a stylesheet.",
            seen='no <link rel="stylesheet">',
            hint='Add `<link rel="stylesheet" href="{{ url_for(\'static\', '
            "filename='style.css') }}\">` to the head.",
        )
    _arrives(chat, path, attribute(link, "href"), "style.css")


def _comes_from_its_template(chat: Stage, path: str) -> None:
    """Raise NotAttempted when the template has its stylesheet, and the page is another one."""
    file = "index.html" if path == "/" else "chat.html"
    template = chat.folder / "templates" / file
    if template.is_file() and "stylesheet" in template.read_text(encoding="utf-8"):
        raise NotAttempted(
            expected=f"`{path}` answers with templates/{file}.",
            seen="another page, without a stylesheet",
            hint="The template is there, and app.py does not use it yet: "
            f'`render_template("{file}", …)`.',
        )


@promise(since="03")
def the_chat_page_has_its_parts(chat: Stage) -> None:
    """The chat page has a log of messages, a field for the next one, and Send."""
    page = read_chat(chat)
    parts = {"chat-messages": "div", "message-form": "form", "message-input": "input"}
    for identity, tag in parts.items():
        if not page.find(tag, id=identity):
            raise Broken(
                expected=f'The chat page has `<{tag} id="{identity}">`.',
                seen=f"elements with the ids {[attribute(t, 'id') for t in page.find_all(id=True)]}",
                hint="The script of step 04 finds the parts of the page by these ids: "
                "compare them letter by letter.",
            )
    log = page.find(id="chat-messages")
    assert isinstance(log, Tag)
    if attribute(log, "role") != "log":
        raise Broken(
            expected='The messages stand in an element with role="log".',
            seen=f'role="{attribute(log, "role")}"',
            hint='With role="log" a screen reader speaks new messages as they come.',
        )
    if log.find("form"):
        raise Broken(
            expected="The form stands below the log, not in it.",
            seen='the form inside of `<div id="chat-messages">`',
            hint="The log has no end: its `</div>` is missing, or stands behind the form.",
        )
    if not page.find("label", attrs={"for": "message-input"}):
        raise Broken(
            expected="The message field has a label.",
            seen="no label for message-input",
            hint='Add `<label for="message-input">Message</label>`.',
        )


@promise(since="03", final_app=True)
def nothing_comes_from_elsewhere(chat: Stage) -> None:
    """Every page works without any other host."""
    front = BeautifulSoup(visit(chat, "/", follow=True).text, "html.parser")
    for page in (front, read_chat(chat)):
        for tag in page.find_all(["script", "link", "img", "iframe"]):
            address = attribute(tag, "src") or attribute(tag, "href")
            if urlsplit(urljoin(chat.url, address)).netloc not in ("", urlsplit(chat.url).netloc):
                raise Broken(
                    expected="Scripts and styles come from your own server.",
                    seen=str(tag)[:160],
                    hint="In a room without internet this page would not work. "
                    "Use `url_for('static', …)`, or the blueprint for the browser client.",
                )


@promise(since="04")
def the_chat_page_loads_its_scripts(chat: Stage) -> None:
    """The chat page loads the browser client first, then its own script."""
    page = read_chat(chat)
    sources = [attribute(tag, "src") for tag in page.find_all("script", src=True)]
    for wanted, template in (
        ("socket.io.min.js", "url_for('socketio_browser.static', filename='socket.io.min.js')"),
        ("chat.js", "url_for('static', filename='chat.js')"),
    ):
        source = next((each for each in sources if each.endswith(wanted)), None)
        if source is None:
            raise Broken(
                expected=f"The chat page loads {wanted}.",
                seen=f"scripts: {sources}",
                hint=f'Before </body>: `<script src="{{{{ {template} }}}}"></script>`.',
            )
        _arrives(chat, "/chat", source, wanted)
    names = [source.rpartition("/")[2] for source in sources]
    if names.index("socket.io.min.js") > names.index("chat.js"):
        raise Broken(
            expected="socket.io.min.js is loaded before chat.js.",
            seen=f"scripts in the order {names}",
            hint="chat.js calls `io`, which the browser client defines: swap the two lines.",
        )


@promise(since="04", until="07")
def the_name_reaches_the_page(chat: Stage) -> None:
    """The script can read the person's name from the page."""
    page = read_chat(chat, "Ada & Bo")
    seen = attribute(page.body, "data-username") if page.body else ""
    if seen != "Ada & Bo":
        raise Broken(
            expected="`<body>` carries the name in `data-username`.",
            seen=f'data-username="{seen}"',
            hint='`<body data-username="{{ username }}">`: the script reads it as '
            "`document.body.dataset.username`.",
        )


def _arrives(chat: Stage, path: str, address: str, name: str) -> None:
    target = urlsplit(urljoin(chat.url + path, address)).path
    status = visit(chat, target).status_code
    if status != 200:
        raise Broken(
            expected=f"{name}, which `{path}` loads, arrives.",
            seen=f"{target} answers {status}",
            hint=f"Flask serves the folder `static` beside app.py: is {name} in it, spelt so, and "
            "is the address made by `url_for`?",
        )
