"""People who use the pages of a stage, as a story describes them: what they do, and what they see.

with visitors(chat, "Ada", "Bo") as (ada, bo):
    ada.sends("Hello")
    bo.sees("Hello", "The listener of `new_message` adds a line.")
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from workshop.browser import Browser
from workshop.checks.browse import template_of
from workshop.checks.console import UNKNOWN, from_script, in_template
from workshop.checks.families import family_of
from workshop.checks.near_misses import instead_of_served
from workshop.checks.page import Page, PageEnded, PageError, Pages
from workshop.checks.patience import patience
from workshop.checks.promise import Broken, CannotRun, expect
from workshop.checks.speakers import fresh_name
from workshop.stages import Stage

FORM, FIELD, LOG = "#message-form", "#message-input", "#chat-messages"
RUNS = "The chat page runs without an error."
SCRIPT = "static/chat.js"  # the file to look at if no error names one
HIDDEN = (
    "`hidden` or `display: none` hides it, or an element around it. Does a script or a stylesheet show "
    "it again?"
)
INNER = "`textContent` shows text as it is. `innerHTML` would run whatever somebody sends."
NO_SUCH_FILE = (
    "The page names a file that your server does not have. Flask serves the folder `static` next to "
    "app.py. Compare the name of the file with the address, letter by letter. The browser client's "
    "address is `{{ url_for('socketio_browser.static', filename='socket.io.min.js') }}`."
)
NOT_RECEIVED = (
    "The server must send everybody what one person sent: `emit(…, broadcast=True)`, or `to=` the "
    "room. The event must have the same name on both sides."
)
TWICE = (
    "The listener shows what the server sends to everybody. If the function that receives the "
    "acknowledgement shows the message, too, the sender sees it twice, unless the server excludes "
    "the sender."
)

_alive: ContextVar[tuple[Stage, Pages] | None] = ContextVar("the pages of this check", default=None)


class Visitor:
    """Somebody who uses a page of the chat.

    `did` is a sentence about the last thing that they did, for an error message. `called` is their name
    in the chat. It is different from `name`, for example "Ada7", until connections need a login.
    """

    def __init__(self, name: str, called: str, page: Page, browser: Browser) -> None:
        self.name, self.called, self.page, self.browser = name, called, page, browser
        self.did = f"{name} opened {urlsplit(page.url).path}."
        try:
            self._at_first = self.status.split()
        except PageEnded:  # whoever does something next is told so
            self._at_first = []

    def sends(self, text: str) -> None:
        """Type a message and press Enter, if the page allows it."""
        self.types(FIELD, text)
        with suppress(PageEnded):
            for part in (FORM, FIELD):
                expect(self.page.is_shown(part), f"People see `{part}`.", f"{self.did} It is hidden.",
                       HIDDEN, about=template_of("/chat"))  # fmt: skip
        typed = "only a space" if text == " " else f"“{text}”"
        self.did = f"{self.name} typed {typed} and pressed Send."
        self._does(lambda: self.page.submit(FORM), FORM)

    def types(self, selector: str, text: str) -> None:
        self.did = f"{self.name} typed “{text}”."
        self._does(lambda: self.page.type(selector, text), selector)

    def clicks(self, selector: str, what: str, place: int = 0) -> None:
        """Click the matching element at this index. `what` is what a person would call it."""
        self.did = f"{self.name} clicked on {what}."
        self._does(lambda: self.page.click(selector, place), selector)

    def chooses(self, name: str, kind: str, body: bytes) -> None:
        """Pick a file for the next message."""
        self.did = f"{self.name} chose the file {name}."
        self._does(
            lambda: self.page.choose("input[type=file]", name, kind, body), "input[type=file]"
        )

    def opens(self, place: int, selector: str) -> str:
        """Return the content of the file or page to which the matching link at this index leads."""
        href = self.page.attributes(selector, "href")[place] or ""
        base = urljoin(self.page.url, (self.page.attributes("base", "href") or [""])[0])
        return str(self.browser.get(urljoin(base, href)).text)

    def sent(self, event: str) -> list[object]:
        """Return the payloads that the page has emitted with this event."""
        return [each[1] if len(each) > 1 else None for each in self.page.sent if each[0] == event]

    @property
    def log(self) -> str:
        """The text of all messages that the page shows, with single spaces."""
        return " ".join(self.page.text(LOG).split())

    @property
    def status(self) -> str:
        """The text of the page without its messages. It contains what the page reports."""
        return " ".join(self.text.replace(self.log, "").split())

    def news(self, status: str = "") -> str:
        """Return in quotes what the page reports that it did not report when it was opened.

        `status` is what it reported earlier; otherwise, it is what it reports now.
        """
        words = [word for word in (status or self.status).split() if word not in self._at_first]
        return f"“{' '.join(words)}”" if words else "nothing about it"

    @property
    def text(self) -> str:
        """The text of the whole page, with single spaces."""
        return " ".join(self.page.text("body").split())

    def heard(self, text: str) -> list[list[Any]]:
        """Return the values of the events that the page has received and that contain this text."""
        return [
            each[1:] for each in self.page.heard if text in json.dumps(each, ensure_ascii=False)
        ]

    def sees(
        self, text: str, hint: str, not_received: str = NOT_RECEIVED, twice: str = TWICE
    ) -> None:
        """Raise Broken unless this text appears exactly once in the page's messages.

        The hint is `hint` if the text has reached the page, and `not_received` if it has not.
        """
        expected = f"{self.name}'s page shows “{text}” once."
        try:
            self.expects(lambda: text in self.log, expected, hint,
                         f"It reached {self.name}'s page, which does not show it.")  # fmt: skip
        except Broken as broken:
            if broken.report:
                raise
            if text in self.page.html() and text not in self.text:
                raise Broken(expected, f"{self.did} It is in a hidden part of the page.", HIDDEN,
                             about=SCRIPT) from None  # fmt: skip
            if self.heard(text):
                raise
            raise Broken(expected, f"{self.did} No event brought it to {self.name}'s page.",
                         not_received, about="app.py" if not_received == NOT_RECEIVED else SCRIPT,
                         ) from None  # fmt: skip
        self.page.pages.settle()
        count = self.log.count(text)
        self.expects(lambda: count == 1, expected, twice, f"The page shows it {count} times.")

    def shows(self, reason: str, hint: str) -> None:
        """Raise Broken unless the page shows a reason that the server gives."""
        self.expects(lambda: reason and reason in self.text, f"The page shows the reason: “{reason}”",
                     hint, "The page does not show it.")  # fmt: skip

    def expects(
        self, holds: Callable[[], object], expected: str, hint: str,
        seen: str | Callable[[], str] = "", seconds: float = 0, about: str = SCRIPT,
    ) -> None:  # fmt: skip
        """Raise Broken, with the console's errors, unless a condition becomes true soon."""
        seconds = seconds or patience()
        try:
            if self.page.wait(lambda: holds() or self.page.errors, seconds) and holds():
                return
            # The time alone does not show whether a page does nothing or whether the machine is busy.
            if not self.page.errors and self.page.pages.settle(patience()) and holds():
                return
        except PageEnded:
            pass
        self.expects_no_error()
        found = seen() if callable(seen) else seen
        raise Broken(expected, f"{self.did} {found}".rstrip(), hint, about=about)

    def expects_no_error(self) -> None:
        """Raise Broken if the console contains an error."""
        for error in self.page.errors:
            if error.kind == "module":
                raise CannotRun(
                    f"`{error.file}` is a module that imports or exports something, and `check` cannot "
                    "run it. Try these promises in a browser."
                )
        if self.page.errors:
            raise failed(self.page.errors[0], self.did, self.page.pages.chat.folder)

    def _does(self, act: Callable[[], object], selector: str) -> None:
        try:
            act()
        except PageEnded:
            self.expects_no_error()
        except LookupError:
            raise Broken(f"The page has an element for `{selector}`.", f"{self.did} There is none.",
                         "Compare the page's HTML with the step: the `id` must be the same, letter "
                         "by letter.", about=template_of("/chat")) from None  # fmt: skip


@contextmanager
def alive(chat: Stage) -> Iterator[None]:
    """Within this block, one process runs the pages of all stories about a chat."""
    with ExitStack() as stack:
        with suppress(CannotRun):
            stack.enter_context(playing_in(chat, stack.enter_context(Pages(chat))))
        yield


@contextmanager
def playing_in(chat: Stage, pages: Pages) -> Iterator[None]:
    """Within this block, stories about a chat use these browser pages."""
    before = _alive.set((chat, pages))
    try:
        yield
    finally:
        _alive.reset(before)


@contextmanager
def visitors(
    chat: Stage, *names: str, path: str = "", by: Browser | None = None, runs: bool = True
) -> Iterator[list[Visitor]]:
    """Open the chat's page, or another one, for several people, or with somebody's browser (`by`).

    Raises Broken if a page fails immediately or later. If `runs` is false, early errors don't count.
    Raises CannotRun if this machine cannot run pages.
    """
    with ExitStack() as stack:
        pages, came = _pages(chat, stack), []
        for name in names:
            came.append(visitor(pages, chat, name, path, by, runs))
            stack.callback(_leaves, came[-1])
        yield came
        for each in came:
            each.expects_no_error()


def visitor(
    pages: Pages, chat: Stage, name: str, path: str, by: Browser | None, runs: bool
) -> Visitor:
    """Open a page for somebody, by default the chat's page. Raises Broken if the page fails."""
    family = family_of(chat)
    # The space breaks an attribute without quotes: `data-username={{ username }}`.
    called = name if family.sockets_need_login else fresh_name(f"{name} ")
    try:
        browser = by or family.browser(called)
        page = pages.open(path or family.page(called), browser)
        pages.settle()
    except PageEnded as ended:
        raise failed(ended.error, f"{name} opened the page.", chat.folder) from None
    came = Visitor(name, called, page, browser)
    if runs:
        came.expects_no_error()
    page.errors.clear()
    return came


def failed(error: PageError, did: str, folder: Path) -> Broken:
    """Return a Broken that describes an error in the console."""
    report = from_script(error.message, error.file, error.line, error.column, error.source_line)
    hint = report.meaning or UNKNOWN
    if error.kind == "resource":
        hint = instead_of_served(folder, error.file) or NO_SUCH_FILE
        report = in_template(folder, Path(error.file).name, error.message)
    return Broken("The console shows no error.", f"{did} The console says: {error}", hint,
                  sentence=RUNS, report=report, about=SCRIPT)  # fmt: skip


def _pages(chat: Stage, stack: ExitStack) -> Pages:
    shared = _alive.get()
    if shared and shared[0] is chat and shared[1].is_alive:
        return shared[1]
    return stack.enter_context(Pages(chat))


def _leaves(visitor: Visitor) -> None:
    with suppress(PageEnded):
        visitor.page.close()
