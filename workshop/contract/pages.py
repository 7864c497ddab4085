"""Promises about the pages: what they say, and to whom."""

import re
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag

from workshop.contract.browse import attribute, quote, read, read_chat, text_of, visit
from workshop.contract.families import number_of
from workshop.contract.promise import Broken, promise
from workshop.stages import Stage

FROM_ADDRESS = (
    'The name comes from the address: `request.args.get("username", "")`, and the page must be given it '
    "under the name that the page uses."
)
HOSTILE_NAME = '<script>alert("Bo was here")</script>'


@promise(since="01")
def the_front_page_welcomes(chat: Stage) -> None:
    """The front page welcomes people to the Chat Application."""
    page = read(chat, "/")
    if "Welcome to the Chat Application!" not in text_of(page):
        raise Broken(
            expected="`/` says “Welcome to the Chat Application!”",
            seen=quote(page),
            hint="Compare the heading, letter by letter. Is the file saved?",
        )


@promise(since="01", until="01")
def the_page_names_its_python(chat: Stage) -> None:
    """The page names the Python that serves it."""
    page = read(chat, "/")
    code = page.find("code")
    if not code or not re.search(r"[\\/]python", text_of(code), re.IGNORECASE):
        raise Broken(
            expected="`/` shows the path of a Python interpreter, all of it.",
            seen=quote(page),
            hint="Is `{python}` in PAGE, and does `index` return "
            "`PAGE.format(python=sys.executable)`? (From step 02 on this page is gone, and so is "
            "this check.)",
        )


@promise(since="02", until="07")
def the_form_asks_for_a_name(chat: Stage) -> None:
    """The front page asks for a name and sends it to /chat."""
    page = read(chat, "/")
    form = _one(page, "form", "`/` has a form.")
    field = form.find("input", attrs={"name": "username"})
    if not isinstance(field, Tag):
        raise Broken(
            expected='The form has a field called `username`: `<input name="username" …>`.',
            seen=f"fields called {[attribute(tag, 'name') for tag in form.find_all('input')]}",
            hint="A browser sends only fields that have a `name`; an `id` alone sends nothing.",
        )
    if attribute(form, "method").lower() not in ("", "get"):
        raise Broken(
            expected="The form uses the method GET.",
            seen=f'method="{attribute(form, "method")}"',
            hint='`/chat` only answers GET, so a POST ends in 405. Use method="get".',
        )
    target = urlsplit(urljoin(chat.url + "/", attribute(form, "action"))).path
    if target != "/chat":
        raise Broken(
            expected="The form's action leads to /chat.",
            seen=f'action="{attribute(form, "action")}" leads to {target}',
            hint="The action is the address that the browser goes to: it must lead to /chat.",
        )
    _field_is_friendly(form, field)


def _field_is_friendly(form: Tag, field: Tag) -> None:
    if not field.has_attr("required"):
        raise Broken(
            expected="The field is required: the browser asks before it sends an empty name.",
            seen=str(field),
            hint="Add the word `required` inside the input's tag.",
        )
    label = form.find("label", attrs={"for": attribute(field, "id")})
    if not field.get("id") or not label:
        raise Broken(
            expected='The field has a label: `<label for="username">` and `id="username"`.',
            seen=str(field),
            hint="A label's `for` must be the field's `id`, or a screen reader cannot name it.",
        )
    button = form.find("button")
    if not button or text_of(button) != "Join Chat":
        raise Broken(
            expected="The form has a button “Join Chat”.",
            seen=quote(button) if button else "no button",
            hint="Add `<button>Join Chat</button>` inside the form.",
        )


@promise(since="02")
def the_chat_page_greets_by_name(chat: Stage) -> None:
    """The chat page greets people by their own name."""
    for name in ("Ada", "Bo"):
        page = read_chat(chat, name)
        if f"Welcome to the Chat Room, {name}!" not in text_of(page):
            raise Broken(
                expected=f"{name}'s chat page says “Welcome to the Chat Room, {name}!”",
                seen=quote(page),
                hint="The braces came through as they are. In Python, an f stands before the "
                'quote: `f"… {name}"`; in a template there are two on each side: `{{ name }}`.'
                if re.search(r"Welcome to the Chat Room, \{", text_of(page))
                else FROM_ADDRESS
                if number_of(chat) < "08"
                else "From 08 on the name is `me.username`, of who is logged in: `me=me` for the page, "
                "and `{{ me.username }}` in the gap.",
            )


@promise(since="02", until="07")
def without_a_name_back_to_the_front_page(chat: Stage) -> None:
    """Who has no name yet is sent back to the front page."""
    for path in ("/chat", "/chat?username=", "/chat?username=%20%20"):
        answer = visit(chat, path)
        target = urlsplit(urljoin(chat.url + path, answer.headers.get("Location", ""))).path
        if answer.status_code not in (302, 303) or target != "/":
            raise Broken(
                expected=f"`{path}` answers 302 and leads to `/`.",
                seen=f"status {answer.status_code}"
                + (f", leading to {target}" if "Location" in answer.headers else ""),
                hint='Before the page: `if not username: return redirect(url_for("index"))`. '
                "`.strip()` takes blanks away, so a name of blanks counts as none.",
            )


@promise(since="02")
def a_hostile_name_stays_text(chat: Stage) -> None:
    """A name is shown as text, whatever it holds."""
    page = read_chat(chat, HOSTILE_NAME)
    if any("Bo was here" in text_of(script) for script in page.find_all("script")):
        raise Broken(
            expected="A name like <script>…</script> is shown as text.",
            seen="the page holds it as a script that would run",
            hint="Somebody else's text must be escaped: `escape(username)` in Python; a template "
            "does it by itself, unless `|safe` switches it off.",
        )
    if HOSTILE_NAME not in text_of(page):
        raise Broken(
            expected="The page shows the name exactly as it was given.",
            seen=quote(page),
            hint="Escape once, not twice, and do not cut anything out of the name.",
        )


@promise(since="02")
def other_addresses_and_methods_are_refused(chat: Stage) -> None:
    """An unknown address answers 404, a method that is not offered 405."""
    for path, method, wanted in (("/no-such-page", "GET", 404), ("/chat", "POST", 405)):
        seen = visit(chat, path, method=method).status_code
        if seen != wanted:
            raise Broken(
                expected=f"{method} {path} answers {wanted}.",
                seen=f"status {seen}",
                hint="Flask does this by itself: a route answers only its own address, and only "
                "GET unless `methods=` says more.",
            )


def _one(page: BeautifulSoup, tag: str, expected: str) -> Tag:
    found = page.find(tag)
    if isinstance(found, Tag):
        return found
    raise Broken(expected=expected, seen=quote(page), hint=f"There is no <{tag}> on the page.")
