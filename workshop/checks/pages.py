"""The first pages: what they show, and to whom. Also the exercises of steps 01 to 03."""

import codecs
import os
import re
import subprocess
from urllib.parse import quote as url_quote
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag

from workshop import environments
from workshop.checks.browse import attribute, is_labelled, quote, read, read_chat, text_of, visit
from workshop.checks.families import has_come_to
from workshop.checks.near_misses import instead_of, pasted
from workshop.checks.promise import Broken, NotAttempted, attempted, exercise, expect, promise
from workshop.checks.speakers import SNIPPET
from workshop.stages import Stage

FROM_ADDRESS = (
    'Take the name from the address with `request.args.get("username", "")`, and pass it to the page '
    "under the name that the page uses. A template shows it with two braces on each side, `{{ username "
    '}}`. In Python, braces need an f before the quote: `f"… {username}"`.'
)
RUNS = 'alert("Bo was here")'
HOSTILE_NAME = f"<script>{RUNS}</script>\\o"  # Python's repr would double the backslash
LEAVES_AN_ATTRIBUTE = f"\"'><script>{RUNS}</script>"
NO_PIN = (
    "Write only the name, two equals signs and the version, without quotes, and with the number that "
    "the notebook shows instead of the dots: `flask==…`. A name alone does not pin a version: next "
    "year, pip would install a different Flask."
)
HEADINGS = ["h1", "h2", "h3"]
SENDS = "button, input[type=submit]"
IMPORT_TIMEOUT = 30  # seconds
VERSION_OF_FLASK = "import flask, importlib.metadata as m; print(m.version('flask'))"


@promise(since="setup", file="templates/index.html")
def the_front_page_welcomes(chat: Stage) -> None:
    """The front page welcomes people to the Chat Application."""
    page = read(chat, "/")
    heading = page.find(HEADINGS)
    expect(isinstance(heading, Tag) and text_of(heading), "`/` has a heading that welcomes people.",
           quote(page), "Add a heading with your own words: `<h1>…</h1>`. Have you saved the "
                        "file?")  # fmt: skip


@promise(since="setup", until="setup")
def the_page_names_its_python(chat: Stage) -> None:
    """The page names the Python that serves it."""
    page = read(chat, "/")
    expect(re.search(r"[\\/]python", text_of(page), re.IGNORECASE),
           "`/` shows the full path of a Python interpreter.", quote(page),
           "Is `{python}` in PAGE, and does `index` return `PAGE.format(python=sys.executable)`? "
           "(From step 02 on, neither this page nor this check exists.)")  # fmt: skip


@promise(since="routes", until="catching_up", file="templates/index.html")
def the_form_asks_for_a_name(chat: Stage) -> None:
    """The front page asks for a name and sends it to /chat."""
    page = read(chat, "/")
    form = _one(page, "form", "`/` has a form.")
    field = form.find("input", attrs={"name": "username"})
    if not isinstance(field, Tag):
        raise Broken('The form has a field called `username`: `<input name="username" …>`.',
                     f"fields called {[attribute(tag, 'name') for tag in form.find_all('input')]}",
                     "A browser sends only fields that have a `name`; an `id` alone sends "
                     "nothing.")  # fmt: skip
    expect(attribute(form, "method").lower() in ("", "get"), "The form uses the method GET.",
           f'method="{attribute(form, "method")}"',
           'Use method="get". The name is then part of the address, so people can open the same '
           "address again.")  # fmt: skip
    target = urlsplit(urljoin(chat.url + "/", attribute(form, "action"))).path
    expect(target == "/chat", "The form's action leads to /chat.",
           f'action="{attribute(form, "action")}" leads to {target}',
           "The action is the address that the browser goes to. It must be the address of "
           "/chat.")  # fmt: skip
    _field_is_friendly(form, field)


def _field_is_friendly(form: Tag, field: Tag) -> None:
    expect(field.has_attr("required"),
           "The field is required, so that the browser does not send an empty name.", str(field),
           "Add the word `required` inside the input's tag.")  # fmt: skip
    expect(is_labelled(field),
           'The field has a label: `<label for="username">` and `id="username"`.', str(field),
           "A label's `for` must be the field's `id`. Otherwise, a screen reader does not know the "
           "field's name.")  # fmt: skip
    buttons = form.select(SENDS)
    expect(any(text_of(each) or attribute(each, "value") for each in buttons),
           "The form has a button that says what it does, such as “Join Chat”.",
           quote(buttons[0]) if buttons else "no button",
           "Add `<button>Join Chat</button>` inside the form.")  # fmt: skip


@promise(since="routes", file="templates/chat.html")
def the_chat_page_greets_by_name(chat: Stage) -> None:
    """The chat page greets people by their own name."""
    for name in ("Ada", "Bo"):
        seen = _around_the_messages(read_chat(chat, name))
        expect(re.search(rf"\b{name}\b", seen),
               f"{name}'s chat page greets them, for example with “Welcome to the Chat Room, {name}!”",
               f"“{seen[:SNIPPET]}”",
               "Pass the account to the page, `user=user`, and write `{{ user.username }}` there."
               if has_come_to(chat, "accounts") else FROM_ADDRESS)  # fmt: skip


@promise(since="routes", until="catching_up")
def without_a_name_back_to_the_front_page(chat: Stage) -> None:
    """People without a name are redirected to the front page."""
    for path in ("/chat", "/chat?username=", "/chat?username=%20%20"):
        answer = visit(chat, path)
        target = urlsplit(urljoin(chat.url + path, answer.headers.get("Location", ""))).path
        expect(answer.status_code in (302, 303) and target == "/",
               f"`{path}` redirects to `/` with status 302.",
               f"status {answer.status_code}"
               + (f", leading to {target}" if "Location" in answer.headers else ""),
               'Before you return the page: `if not username: return redirect(url_for("index"))`. '
               '`.strip()` removes spaces, so a name of spaces becomes empty.')  # fmt: skip


@promise(since="routes", file="templates/chat.html")
def a_hostile_name_stays_text(chat: Stage) -> None:
    """A name is shown as text, whatever it contains."""
    for name in (HOSTILE_NAME, LEAVES_AN_ATTRIBUTE):
        page = read_chat(chat, name)
        expect(not any(RUNS in text_of(script) for script in page.find_all("script")),
               f"A name like {name.partition(RUNS)[0]}…</script> is shown as text.",
               "the page contains it as a script that would run",
               "Text from other people must be escaped: write `escape(username)` in Python. A template "
               "escapes every value, unless `|safe` switches it off.")  # fmt: skip
    page = read_chat(chat, HOSTILE_NAME)
    expect(HOSTILE_NAME in text_of(page), "The page shows the name exactly as it was given.",
           quote(page),
           "Pass the string itself to the page, `username=username`, and escape it once.",
           about="app.py")  # fmt: skip


@promise(since="routes")
def other_addresses_and_methods_are_refused(chat: Stage) -> None:
    """An unknown address returns status 404, and a method that is not allowed returns 405."""
    for path, method, wanted in (("/no-such-page", "GET", 404), ("/chat", "POST", 405)):
        seen = visit(chat, path, method=method).status_code
        expect(seen == wanted, f"{method} {path} returns status {wanted}.", f"status {seen}",
               "Flask does this by itself: a route answers requests only for its own address, and "
               "only with GET, unless `methods=` lists other methods.")  # fmt: skip


def _around_the_messages(page: BeautifulSoup) -> str:
    """Return the text of a page without its messages, because these contain people's names, too."""
    for log in page.select("title, #chat-messages"):
        log.extract()
    return text_of(page)


def _one(page: BeautifulSoup, tag: str, expected: str) -> Tag:
    found = page.find(tag)
    if isinstance(found, Tag):
        return found
    raise Broken(expected, quote(page), f"There is no <{tag}> on the page.")


@exercise("setup", "requirements.txt")
def the_second_environment_has_the_pinned_flask(chat: Stage) -> None:
    """The second environment has Flask, in the version that requirements.txt pins."""
    wish_list = chat.folder / "requirements.txt"
    if not wish_list.is_file():
        raise NotAttempted(f"{chat.folder.name}/ has a file requirements.txt next to app.py.",
                           "no such file",
                           instead_of(chat.folder, wish_list.name)
                           or "Write one line with the package and its version into it: "
                              "`name==version`.", about=wish_list.name)  # fmt: skip
    text = _as_pip_reads(wish_list.read_bytes()).strip()
    found = re.search(r"(?im)^flask\s*==\s*(\d\S*)", text)
    if not found:
        raise Broken("requirements.txt has a line `flask==…` with a "
                     "version.", text or "an empty file",
                     pasted(text) or NO_PIN, about=wish_list.name)  # fmt: skip
    _has_flask(found.group(1))


def _as_pip_reads(data: bytes) -> str:
    """Return the text of a file. In Windows PowerShell, `pip freeze > FILE` writes UTF-16."""
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_utf16 else "utf-8-sig", errors="replace")


def _has_flask(pinned: str) -> None:
    python = environments.second().python
    expect(python.is_file(), "There is a second environment in mine/second.", "no Python there",
           "Run the cell in notebook 01 that creates it.")  # fmt: skip
    result = subprocess.run(
        [python, "-c", VERSION_OF_FLASK],
        env=os.environ | environments.PLAIN,
        capture_output=True,
        text=True,
        timeout=IMPORT_TIMEOUT,
    )
    if result.returncode:
        raise Broken(
            "The Python of mine/second can import flask.", result.stderr.strip().splitlines()[-1],
            "Each environment has its own packages. Install Flask with the Python of mine/second: "
            "type the path of this Python, and then `-m pip install -r …/requirements.txt`, as the "
            "notebook shows.",
        )  # fmt: skip
    expect(result.stdout.strip() == pinned,
           f"mine/second has Flask {pinned}, as requirements.txt says.",
           f"Flask {result.stdout.strip()}",
           "Install from the file with `-r`, so that you get the version that it pins.")  # fmt: skip


@exercise("routes")
def there_is_an_about_page(chat: Stage) -> None:
    """There is a page /about, and the front page links to it."""
    attempted(visit(chat, "/about").status_code != 404, "/about returns its own page.",
              "status 404", 'Start with `@app.route("/about")`.')  # fmt: skip
    page = read(chat, "/about")
    expect(any("about" in text_of(heading).lower() for heading in page.find_all(HEADINGS)),
           "/about has a heading with the word “About”.", quote(page),
           "Give the page a heading of its own: `<h1>About this chat</h1>`.")  # fmt: skip
    links = [attribute(tag, "href") for tag in read(chat, "/").find_all("a")]
    expect("/about" in [urlsplit(urljoin(chat.url + "/", link)).path for link in links],
           "The front page has a link to /about.", f"links: {links or 'none'}",
           'Add a link, so that people can find the page: `<a href="about">About</a>`.')  # fmt: skip


@exercise("templates", "templates/chat.html")
def the_room_has_a_title(chat: Stage) -> None:
    """The chat page shows the room's title from the address, or “Lobby” if the address has none."""
    title = read(chat, "/chat?username=Ada").find(id="room-title")
    attempted(isinstance(title, Tag), 'The chat page has an element with `id="room-title"`.',
              "no such element",
              'Add `<p id="room-title">{{ room }}</p>` to chat.html, outside of the loop.')  # fmt: skip
    hostile = "<i>Tea</i>"
    for address, wanted in (
        ("", "Lobby"),
        ("&room=Tea", "Tea"),
        (f"&room={url_quote(hostile)}", hostile),
        ("", "Lobby"),  # again: a global variable would keep the room of an earlier request
    ):
        seen = read(chat, f"/chat?username=Ada{address}").find(id="room-title")
        assert isinstance(seen, Tag)
        expect(text_of(seen) == wanted,
               f"`/chat?username=Ada{address}` has the room title “{wanted}”.", quote(seen),
               'In `chat` in app.py, read `request.args.get("room", "Lobby")` and pass it to '
               "`render_template` as `room=…`. In chat.html, write `{{ room }}` without "
               "`|safe`.")  # fmt: skip
