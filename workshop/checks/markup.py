"""The promise about tags: each tag is closed, and its attributes are spelled correctly.

A browser accepts tags with mistakes, and does not report them.
"""

import re
from difflib import get_close_matches
from html.parser import HTMLParser
from typing import NamedTuple

from workshop.checks.browse import open_chat, template_of, visit
from workshop.checks.console import in_template
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

# html.spec.whatwg.org, "Attributes", and the obsolete ones that people still write.
ATTRIBUTES = {
    "abbr", "accept", "accept-charset", "accesskey", "action", "align", "allow", "allowfullscreen",
    "alt", "as", "async", "autocapitalize", "autocomplete", "autocorrect", "autofocus", "autoplay",
    "bgcolor", "blocking", "border", "cellpadding", "cellspacing", "charset", "checked", "cite",
    "class", "color", "cols", "colspan", "content", "contenteditable", "controls", "coords",
    "crossorigin", "data", "datetime", "decoding", "default", "defer", "dir", "dirname", "disabled",
    "download", "draggable", "enctype", "enterkeyhint", "face", "fetchpriority", "for", "form",
    "formaction", "formenctype", "formmethod", "formnovalidate", "formtarget", "frameborder",
    "headers", "height", "hidden", "high", "href", "hreflang", "http-equiv", "id", "imagesizes",
    "imagesrcset", "inert", "inputmode", "integrity", "is", "ismap", "itemid", "itemprop",
    "itemref", "itemscope", "itemtype", "kind", "label", "lang", "language", "list", "loading",
    "loop", "low", "max", "maxlength", "media", "method", "min", "minlength", "multiple", "muted",
    "name", "nomodule", "nonce", "novalidate", "open", "optimum", "part", "pattern", "ping",
    "placeholder", "playsinline", "popover", "popovertarget", "popovertargetaction", "poster",
    "preload", "property", "readonly", "referrerpolicy", "rel", "required", "reversed", "role",
    "rows", "rowspan", "sandbox", "scope", "selected", "shape", "size", "sizes", "slot", "span",
    "spellcheck", "src", "srcdoc", "srclang", "srcset", "start", "step", "style", "summary",
    "tabindex", "target", "text", "title", "translate", "type", "usemap", "valign", "value",
    "width", "wrap", "writingsuggestions", "xmlns",
}  # fmt: skip
ALIKE = 0.8  # 1 means that every letter is the same
WELL_FORMED = re.compile(
    r"""<[^\s/>]++(?:\s*+[^\s"'<>/=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'<>`]*+))?+)*+\s*+/?>"""
)


class Opened(NamedTuple):
    line: int
    tag: str
    text: str  # the tag as it is in the page


class Problem(NamedTuple):
    rank: int  # of several problems, the first kind is the likely cause of the others
    line: int
    text: str  # the tag or the attribute
    state: str  # what is wrong with it, to follow its name
    expected: str
    hint: str


class Tags(HTMLParser):
    """The problems with the tags in a page's source, such as tags that are never closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.problems: list[Problem] = []
        self._open: list[Opened] = []
        page = page.removeprefix("\ufeff")  # a browser ignores a byte order mark, too
        if found := re.match(r"\s*(!|<)doctype.*", page, re.IGNORECASE):
            self._report(0, found[0].strip(), "", "the page begins with `<!doctype html>`",
                         "Without the bracket or the exclamation mark, a browser shows the line, or "
                         "treats it as a tag.")  # fmt: skip
        self.feed(page)
        if re.match(r"<[a-z]", self.rawdata, re.IGNORECASE):
            self._lacks_a_quote(self.rawdata.splitlines()[0])  # this tag has swallowed all others
            return
        self.close()
        last = self._open[-1:]
        if last and last[0].tag in TEXT_ONLY:  # it has swallowed all end tags that followed
            self._open = last
        self._give_up(0, "at the end of the page")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        text = self.get_starttag_text() or tag
        if tag not in NEEDS_NO_END:
            self._open.append(Opened(self.getpos()[0], tag, text))
        if any(each.tag in FOREIGN for each in self._open):
            return
        if not WELL_FORMED.fullmatch(text):
            self._lacks_a_quote(text.splitlines()[0])
        for name, _ in attrs:
            meant = [] if name in ATTRIBUTES else get_close_matches(name, ATTRIBUTES, 1, ALIKE)
            if meant and "-" not in name:
                self._report(4, name, "", f"the attributes of `<{tag}>` are spelled correctly",
                             f"Do you mean `{meant[0]}`? A browser ignores an attribute that it does "
                             "not know. The name of an attribute that you invent must begin with "
                             "`data-`.")  # fmt: skip

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not any(each.tag in FOREIGN for each in self._open):
            self.handle_starttag(tag, attrs)  # a browser ignores the slash

    def handle_endtag(self, tag: str) -> None:
        if tag in NEEDS_NO_END:
            return
        tags = [each.tag for each in self._open]
        if tag not in tags:
            self._report(3, f"</{tag}>", " closes nothing", f"each `</{tag}>` closes a `<{tag}>`",
                         f"Is `<{tag}>` missing, or spelled differently? Or did you forget to delete "
                         "this tag?")  # fmt: skip
            return
        place = len(tags) - 1 - tags[::-1].index(tag)
        self._give_up(place + 1, f"at `</{tag}>` on line {self.getpos()[0]}")
        self._open.pop()

    def handle_data(self, data: str) -> None:
        last = self._open[-1] if self._open else None
        if last and last.tag in TEXT_ONLY and f"<{last.tag}" in data:
            self._is_unclosed(last, f"where another `<{last.tag}>` begins")

    def _give_up(self, place: int, until: str) -> None:
        for each in self._open[place:]:
            self._is_unclosed(each, until)
        del self._open[place:]

    def _is_unclosed(self, opened: Opened, until: str) -> None:
        line, tag, text = opened
        self._report(2, text, f" is still open {until}", f"`</{tag}>` closes each `<{tag}>`",
                     f"Write `</{tag}>`, with the slash and spelled the same, where the element ends. "
                     "Until then, a browser treats everything that follows as part of it.",
                     line)  # fmt: skip

    def _lacks_a_quote(self, tag: str) -> None:
        name = tag.split()[0].strip("<>")
        self._report(1, tag, "", f"in `<{name}>`, every attribute value is in quotes",
                     "A quote is missing in this tag, or there is one too many.")  # fmt: skip

    def _report(
        self, rank: int, text: str, state: str, expected: str, hint: str, line: int = 0
    ) -> None:
        line = line or self.getpos()[0]
        self.problems.append(Problem(rank, line, text, state, expected, hint))


@promise(since="setup")
def tags_are_closed(chat: Stage) -> None:
    """On the pages, each tag that needs a closing tag has one, and attributes are spelled correctly."""
    _is_in_order(chat, "/", visit(chat, "/").text)
    if has_come_to(chat, "routes"):
        _is_in_order(chat, "/chat", open_chat(chat).text)


def _is_in_order(chat: Stage, path: str, page: str) -> None:
    problems = Tags(page).problems
    if not problems:
        return
    first, usual = min(problems), template_of(path)
    found = in_template(chat.folder, first.text, first=usual.rpartition("/")[2])
    seen = (
        f"`{first.text}` in line {first.line} of the page's source (Ctrl+U shows it){first.state}"
    )
    raise Broken(f"On `{path}`, {first.expected}.", seen, first.hint, about=found.file or usual)
