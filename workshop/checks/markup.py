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
    until: str = ""  # the place at which it is still open


class Tags(HTMLParser):
    """The tags in a page's source. Finds tags that are never closed, and end tags that close nothing."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.unclosed: list[Opened] = []
        self.strays: list[tuple[int, str]] = []
        self.unquoted: list[Opened] = []  # tags in which a quote is missing
        # The tag of a misspelled attribute, the attribute's name, and the name that is probably meant.
        self.misspelt: list[tuple[Opened, str, str]] = []
        self.above: list[tuple[int, str]] = []  # text above `<html>`, which a browser shows
        self.is_whole = False  # whether the page has an `<html>` tag
        self._open: list[Opened] = []
        self.feed(page.removeprefix("\ufeff"))  # a browser ignores a byte order mark, too
        if re.match(r"<[a-z]", self.rawdata, re.IGNORECASE):  # a tag that never ends
            tag = self.rawdata.splitlines()[0]
            self.unquoted.append(Opened(self.getpos()[0], tag.split()[0][1:], tag))
            return  # it has swallowed all end tags that followed
        self.close()
        last = self._open[-1:]
        if last and last[0].tag in TEXT_ONLY:  # it has swallowed all end tags that followed
            self._open = last
        self._give_up(0, "at the end of the page")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        opened = Opened(self.getpos()[0], tag, self.get_starttag_text() or tag)
        self.is_whole = self.is_whole or tag == "html"
        if tag not in NEEDS_NO_END:
            self._open.append(opened)
        if any(each.tag in FOREIGN for each in self._open):
            return
        if not WELL_FORMED.fullmatch(opened.text):
            self.unquoted.append(opened)
        for name, _ in attrs:
            meant = [] if name in ATTRIBUTES else get_close_matches(name, ATTRIBUTES, 1, ALIKE)
            self.misspelt += [(opened, name, each) for each in meant if "-" not in name]

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
        self._give_up(place + 1, f"at `</{tag}>` on line {self.getpos()[0]}")
        self._open.pop()

    def handle_data(self, data: str) -> None:
        last = self._open[-1] if self._open else None
        if last and last.tag in TEXT_ONLY and f"<{last.tag}" in data:
            self.unclosed.append(last._replace(until=f"where another `<{last.tag}>` begins"))
        if not (self.is_whole or self._open) and data.strip():
            self.above.append((self.getpos()[0], data.strip().splitlines()[0]))

    def _give_up(self, place: int, until: str) -> None:
        self.unclosed += [each._replace(until=until) for each in self._open[place:]]
        del self._open[place:]


@promise(since="setup")
def tags_are_closed(chat: Stage) -> None:
    """On the pages, each tag that needs a closing tag has one, and attributes are spelled correctly."""
    _is_in_order(chat, "/", visit(chat, "/").text)
    if has_come_to(chat, "routes"):
        _is_in_order(chat, "/chat", open_chat(chat).text)


def _is_in_order(chat: Stage, path: str, page: str) -> None:
    tags = Tags(page)
    if tags.is_whole and tags.above:
        line, text = tags.above[0]
        raise _wrong(
            chat, path, Opened(line, "", text), f"On `{path}`, there is no text above `<html>`.",
            "A browser shows this text on the page. Is a bracket or a brace missing?",
        )  # fmt: skip
    for opened in tags.unquoted:
        raise _wrong(chat, path, opened._replace(text=opened.text.splitlines()[0]),
                     f"In `<{opened.tag}>` on `{path}`, every attribute value is in quotes.",
                     "A quote is missing in this tag, or there is one too many.")  # fmt: skip
    if tags.unclosed:
        first = min(tags.unclosed)
        if first.tag == "doctype":
            raise _wrong(chat, path, first, f"`{path}` begins with `<!doctype html>`.",
                         "Write an exclamation mark after `<`. Without it, the line is a tag."
                         )  # fmt: skip
        misspelt = get_close_matches(first.tag, [tag for _, tag in tags.strays], 1)
        raise _wrong(
            chat, path, first, f"`</{first.tag}>` closes each `<{first.tag}>` on `{path}`.",
            f"`</{misspelt[0]}>` closes nothing: both tags must be spelled the same."
            if misspelt else
            f"Write `</{first.tag}>`, with the slash, where the element ends. Until then, a browser "
            "treats everything that follows as part of it"
            + (", and does not run it." if first.tag == "script" else "."),
            f" is still open {first.until}",
        )  # fmt: skip
    for line, tag in tags.strays:
        raise _wrong(chat, path, Opened(line, tag, f"</{tag}>"),
                     f"Each `</{tag}>` on `{path}` closes a `<{tag}>`.",
                     f"Is `<{tag}>` missing, or spelled differently? Or did you forget to delete "
                     "this tag?",
                     " closes nothing")  # fmt: skip
    for opened, name, meant in tags.misspelt:
        raise _wrong(chat, path, opened._replace(text=name),
                     f"The attributes of `<{opened.tag}>` on `{path}` are spelled correctly.",
                     f"Do you mean `{meant}`? A browser ignores an attribute that it does not know. "
                     "The name of an attribute that you invent must begin with `data-`.")  # fmt: skip


def _wrong(
    chat: Stage, path: str, tag: Opened, expected: str, hint: str, problem: str = ""
) -> Broken:
    """Return a Broken that describes what is wrong with a tag, and names its template."""
    usual = template_of(path)
    found = in_template(chat.folder, tag.text, first=usual.rpartition("/")[2])
    seen = f"`{tag.text}` in line {tag.line} of the page's source (Ctrl+U shows it){problem}"
    return Broken(expected, seen, hint, about=found.file or usual)
