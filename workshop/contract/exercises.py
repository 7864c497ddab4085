"""The checks of the exercises, one per step. A step as shipped fails its own exercise's check."""

import os
import re
import subprocess
from urllib.parse import quote as url_quote
from urllib.parse import urljoin, urlsplit

from bs4 import Tag

from workshop import environments
from workshop.contract.answers import say
from workshop.contract.browse import attribute, quote, read, text_of, visit
from workshop.contract.events import shout_answer
from workshop.contract.people import entered, hear, messages_heard
from workshop.contract.promise import Broken, NotAttempted, exercise
from workshop.contract.scripts import who_sends_sees_it
from workshop.contract.sources import unknown_option
from workshop.stages import Stage

IMPORT_TIMEOUT = 30  # seconds
VERSION_OF_FLASK = "import flask, importlib.metadata as m; print(m.version('flask'))"


@exercise("01")
def the_second_environment_has_the_pinned_flask(chat: Stage) -> None:
    """The second environment has Flask, in the version that requirements.txt pins."""
    wish_list = chat.folder / "requirements.txt"
    if not wish_list.is_file():
        raise NotAttempted(
            expected=f"A file requirements.txt beside app.py, in {chat.folder.name}/.",
            seen="no such file",
            hint="One line in it: the package and its version, name==version.",
        )
    found = re.search(r"(?im)^flask\s*==\s*(\S+)", wish_list.read_text(encoding="utf-8"))
    if not found:
        raise Broken(
            expected="A line `flask==…` with a version.",
            seen=wish_list.read_text(encoding="utf-8").strip() or "an empty file",
            hint="Two equals signs stand between name and version: `flask==…`."
            if "=" in wish_list.read_text(encoding="utf-8")
            else "A name alone is no pin: next year it would install another Flask. "
            "Write the version behind two equals signs.",
        )
    _has_flask(found.group(1))


def _has_flask(pinned: str) -> None:
    python = environments.second().python
    if not python.is_file():
        raise Broken(
            expected="A second environment at mine/second.",
            seen="no Python there",
            hint="Run the cell of notebook 01 that makes it.",
        )
    result = subprocess.run(
        [python, "-c", VERSION_OF_FLASK],
        env=os.environ | environments.PLAIN,
        capture_output=True,
        text=True,
        timeout=IMPORT_TIMEOUT,
    )
    if result.returncode:
        raise Broken(
            expected="The Python of mine/second can import flask.",
            seen=result.stderr.strip().splitlines()[-1],
            hint="Each environment has its own packages. Install with that very Python: its path, "
            "then `-m pip install -r …/requirements.txt`, as the notebook shows.",
        )
    if result.stdout.strip() != pinned:
        raise Broken(
            expected=f"mine/second has Flask {pinned}, as requirements.txt says.",
            seen=f"Flask {result.stdout.strip()}",
            hint="Install from the file, with `-r`, so that both always agree.",
        )


@exercise("02")
def there_is_an_about_page(chat: Stage) -> None:
    """There is a page /about, and the front page leads to it."""
    if visit(chat, "/about").status_code == 404:
        raise NotAttempted(
            expected="/about answers with a page of its own.",
            seen="status 404",
            hint='It begins with `@app.route("/about")`.',
        )
    page = read(chat, "/about")
    heading = page.find("h1")
    if not heading or "about" not in text_of(heading).lower():
        raise Broken(
            expected="/about has a heading with the word “About”.",
            seen=quote(page),
            hint="Give the page its own heading: `<h1>About this chat</h1>`.",
        )
    links = [attribute(tag, "href") for tag in read(chat, "/").find_all("a")]
    if "/about" not in [urlsplit(urljoin(chat.url + "/", link)).path for link in links]:
        raise Broken(
            expected="The front page has a link to /about.",
            seen=f"links: {links or 'none'}",
            hint='A page that nobody can find is not there: `<a href="about">About</a>`.',
        )


@exercise("03")
def the_room_has_a_title(chat: Stage) -> None:
    """The chat page shows the room's title from the address, and “Lobby” without one."""
    title = read(chat, "/chat?username=Ada").find(id="room-title")
    if not isinstance(title, Tag):
        raise NotAttempted(
            expected='The chat page has an element with `id="room-title"`.',
            seen="no such element",
            hint='In chat.html: `<p id="room-title">{{ room }}</p>`.',
        )
    hostile = "<i>Tea</i>"
    for address, wanted in (
        ("", "Lobby"),
        ("&room=Tea", "Tea"),
        (f"&room={url_quote(hostile)}", hostile),
    ):
        seen = read(chat, f"/chat?username=Ada{address}").find(id="room-title")
        assert isinstance(seen, Tag)
        if text_of(seen) != wanted:
            raise Broken(
                expected=f"`/chat?username=Ada{address}` has the room title “{wanted}”.",
                seen=quote(seen),
                hint='`request.args.get("room", "Lobby")` in `chat`, given to '
                "`render_template` as `room=…`, and `{{ room }}` without `|safe`.",
            )


@exercise("04")
def the_server_can_shout(chat: Stage) -> None:
    """The event `shout` is acknowledged with the text in capitals."""
    try:
        answer = shout_answer(chat, "hello")
    except Broken as broken:
        if "Traceback" in chat.log:
            raise
        raise NotAttempted(
            expected="The event `shout` is acknowledged.",
            seen=broken.seen,
            hint='It begins with `@socketio.on("shout")`.',
        ) from None
    if not isinstance(answer, dict) or answer.get("text") != "HELLO" or not answer.get("ok"):
        raise Broken(
            expected='`shout` with {"text": "hello"} is acknowledged with '
            '{"ok": true, "text": "HELLO"}.',
            seen=f"{answer!r}",
            hint='Return the object: `return {"ok": True, "text": message["text"].upper()}`.',
        )


@exercise("05")
def the_sender_is_left_out(chat: Stage) -> None:
    """The server leaves the sender out, and the page shows the sender's line when it is acknowledged."""
    with entered(chat, "Ada", "Bo") as (ada, bo):
        say(chat, ada, "Hello")
        bo_heard = hear(bo, "new_message")
        say(chat, bo, "Hello, Ada")
        hear(ada, "new_message")  # Bo's answer: what was meant for Ada before it has arrived
        own = any(each.get("text") == "Hello" for each in messages_heard(chat, ada))
    if own:
        raise NotAttempted(
            expected="Ada does not receive her own message from the server.",
            seen="she does",
            hint=unknown_option(chat) or "`emit` has an option for it: `include_self=False`.",
        )
    if bo_heard is None:
        raise Broken(
            expected="Bo still receives what Ada sends.",
            seen="he does not",
            hint="Keep `broadcast=True` beside `include_self=False`.",
        )
    who_sends_sees_it(chat)
