"""The promise about tags: what one opens, another closes. A parser mends it, and a browser does so."""

from html.parser import HTMLParser
from typing import NamedTuple

from workshop.contract.browse import open_chat, visit
from workshop.contract.families import number_of
from workshop.contract.promise import Broken, promise
from workshop.contract.words import meant
from workshop.stages import Stage

# html.spec.whatwg.org: elements without an end tag, and those whose end tag may be left out.
VOID = "area base br col embed hr img input link meta source track wbr"
MAY_STAY_OPEN = """
    html head body p li dt dd rt rp optgroup option colgroup caption thead tbody tfoot tr td th
"""
NEEDS_NO_END = frozenset(f"{VOID} {MAY_STAY_OPEN}".split())
TEXT_ONLY = ("script", "style", "title", "textarea")  # in these, a tag is text
# html.spec.whatwg.org/multipage/indices.html, without what browsers keep for pages of long ago.
ELEMENTS = """
    a abbr address article aside audio b bdi bdo blockquote button canvas cite code data datalist del
    details dfn dialog div dl em fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup
    i iframe ins kbd label legend main map mark math menu meter nav noscript object ol output picture
    pre progress q ruby s samp script search section select slot small span strong style sub summary
    sup svg table template textarea time title u ul var video font center
"""
ATTRIBUTES = """
    accept accept-charset accesskey action allow alt aria-activedescendant aria-atomic aria-busy
    aria-checked aria-controls aria-current aria-describedby aria-description aria-details
    aria-disabled aria-errormessage aria-expanded aria-haspopup aria-hidden aria-invalid
    aria-keyshortcuts aria-label aria-labelledby aria-level aria-live aria-modal aria-multiline
    aria-orientation aria-owns aria-placeholder aria-posinset aria-pressed aria-readonly aria-relevant
    aria-required aria-roledescription aria-selected aria-setsize aria-sort aria-valuemax
    aria-valuemin aria-valuenow aria-valuetext as async autocapitalize autocomplete autocorrect
    autofocus autoplay border capture charset checked cite class color cols colspan content
    contenteditable controls coords crossorigin data datetime decoding default defer dir dirname
    disabled download draggable enctype enterkeyhint face fetchpriority for form formaction
    formenctype formmethod formnovalidate formtarget headers height hidden high href hreflang
    http-equiv id imagesizes imagesrcset inert inputmode integrity is ismap itemid itemprop itemref
    itemscope itemtype kind label lang list loading loop low max maxlength media method min minlength
    multiple muted name nomodule nonce novalidate onblur onchange onclick onfocus oninput onkeydown
    onkeyup onload onsubmit open optimum pattern placeholder playsinline popover popovertarget poster
    preload property readonly referrerpolicy rel required reversed role rows rowspan sandbox scope
    selected shape size sizes slot span spellcheck src srcdoc srclang srcset start step style tabindex
    target title translate type usemap value width wrap
"""
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
        self.strays: list[str] = []
        self.misspelt: list[tuple[int, str, str]] = []  # line, as it is, as it is meant
        self._open: list[Opened] = []
        self.feed(page)
        self.close()
        last = self._open[-1:]
        if last and last[0].tag in TEXT_ONLY:  # it has swallowed all end tags that followed
            self._open = last
        self._give_up(0, "at the end of the page")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._spell(tag, f"{ELEMENTS} {VOID} {MAY_STAY_OPEN}".split())
        for name, _ in attrs:
            self._spell(name, ATTRIBUTES.split())
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
            self.strays.append(tag)
            return
        place = len(tags) - 1 - tags[::-1].index(tag)
        self._give_up(place + 1, f"where `</{tag}>` comes, in line {self.getpos()[0]}")
        self._open.pop()

    def handle_data(self, data: str) -> None:
        last = self._open[-1] if self._open else None
        if last and last.tag in TEXT_ONLY and f"<{last.tag}" in data:
            self.unclosed.append(last._replace(until=f"where another `<{last.tag}>` comes"))

    def _spell(self, word: str, known: list[str]) -> None:
        foreign = any(each.tag in FOREIGN for each in self._open)
        if word not in known and not word.startswith("data-") and not foreign:
            right = meant(word, known)
            self.misspelt += [(self.getpos()[0], word, right)] if right else []

    def _give_up(self, place: int, until: str) -> None:
        self.unclosed += [each._replace(until=until) for each in self._open[place:]]
        del self._open[place:]


@promise(since="01")
def tags_are_spelt_and_closed(chat: Stage) -> None:
    """On the pages, tags are spelt as a browser knows them, and closed where they have to be."""
    _is_in_order("/", visit(chat, "/").text)
    if number_of(chat) > "01":
        _is_in_order("/chat", open_chat(chat).text)


def _is_in_order(path: str, page: str) -> None:
    tags = Tags(page)
    for line, word, right in tags.misspelt:
        raise Broken(
            expected="A browser knows the words inside of <…>.",
            seen=f"`{word}`, in line {line} of the page `{path}` as it arrives (Ctrl+U shows it)",
            hint=f"`{word}`: is it `{right}`? What a browser does not know, it passes over in silence.",
        )
    if not tags.unclosed:
        return
    first = min(tags.unclosed)
    misspelt = meant(first.tag, tags.strays)
    raise Broken(
        expected=f"What `<{first.tag}>` opens on `{path}`, `</{first.tag}>` closes.",
        seen=f"`{first.text}`, in line {first.line} of the page as it arrives (Ctrl+U shows it), is "
        f"still open {first.until}",
        hint=f"`</{misspelt}>` closes nothing: both tags must be spelt the same."
        if misspelt
        else f"Write `</{first.tag}>` where it ends, with the slash: until then, a browser takes what "
        "follows for a part of it"
        + (", and runs nothing of it." if first.tag == "script" else "."),
    )
