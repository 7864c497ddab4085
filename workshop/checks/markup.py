"""The promise about tags: what one opens, another closes. A browser mends the rest, and says nothing."""

from difflib import get_close_matches
from html.parser import HTMLParser
from typing import NamedTuple

from workshop.checks.browse import open_chat, visit
from workshop.checks.families import has_come_to
from workshop.checks.promise import Broken, promise
from workshop.stages import Stage

# html.spec.whatwg.org: elements without an end tag, and those whose end tag may be left out.
NEEDS_NO_END = {
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
    "wbr", "html", "head", "body", "p", "li", "dt", "dd", "rt", "rp", "optgroup", "option", "colgroup",
    "caption", "thead", "tbody", "tfoot", "tr", "td", "th",
}  # fmt: skip
TEXT_ONLY = ("script", "style", "title", "textarea")  # in these, a tag is text
FOREIGN = ("svg", "math")  # in these, `<path/>` is closed


class Opened(NamedTuple):
    line: int
    tag: str
    text: str  # as it stands in the page
    until: str = ""  # where it turns out to be open still


class Tags(HTMLParser):
    """The tags of a page as it arrives: which are never closed, and which close nothing."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.unclosed: list[Opened] = []
        self.strays: list[tuple[int, str]] = []
        self._open: list[Opened] = []
        self.feed(page)
        self.close()
        last = self._open[-1:]
        if last and last[0].tag in TEXT_ONLY:  # it has swallowed all end tags that followed
            self._open = last
        self._give_up(0, "at the end of the page")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in NEEDS_NO_END:
            self._open.append(Opened(self.getpos()[0], tag, self.get_starttag_text() or tag))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not any(each.tag in FOREIGN for each in self._open):
            self.handle_starttag(tag, attrs)  # a browser ignores the slash

    def handle_endtag(self, tag: str) -> None:
        if tag in NEEDS_NO_END:
            return
        tags = [each.tag for each in self._open]
        if tag not in tags:
            self.strays.append((self.getpos()[0], tag))
            return
        place = len(tags) - 1 - tags[::-1].index(tag)
        self._give_up(place + 1, f"where `</{tag}>` comes, in line {self.getpos()[0]}")
        self._open.pop()

    def handle_data(self, data: str) -> None:
        last = self._open[-1] if self._open else None
        if last and last.tag in TEXT_ONLY and f"<{last.tag}" in data:
            self.unclosed.append(last._replace(until=f"where another `<{last.tag}>` comes"))

    def _give_up(self, place: int, until: str) -> None:
        self.unclosed += [each._replace(until=until) for each in self._open[place:]]
        del self._open[place:]


@promise(since="setup")
def tags_are_closed(chat: Stage) -> None:
    """On the pages, what a tag opens another one closes."""
    _is_in_order("/", visit(chat, "/").text)
    if has_come_to(chat, "routes"):
        _is_in_order("/chat", open_chat(chat).text)


def _is_in_order(path: str, page: str) -> None:
    tags = Tags(page)
    if tags.unclosed:
        first = min(tags.unclosed)
        misspelt = get_close_matches(first.tag, [tag for _, tag in tags.strays], 1)
        raise Broken(
            f"What `<{first.tag}>` opens on `{path}`, `</{first.tag}>` closes.",
            f"`{first.text}`, in line {first.line} of the page as it arrives (Ctrl+U shows it), is "
            f"still open {first.until}",
            f"`</{misspelt[0]}>` closes nothing: both tags must be spelt the same."
            if misspelt else
            f"Write `</{first.tag}>` where it ends, with the slash: until then, a browser takes what "
            "follows for a part of it"
            + (", and runs nothing of it." if first.tag == "script" else "."),
        )  # fmt: skip
    for line, tag in tags.strays:
        raise Broken(f"What `</{tag}>` closes on `{path}`, `<{tag}>` has opened.",
                     f"`</{tag}>`, in line {line} of the page as it arrives (Ctrl+U shows it), closes "
                     "nothing",
                     f"Is `<{tag}>` missing, or spelt differently? Or is this one left "
                     "over?")  # fmt: skip
