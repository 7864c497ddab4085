"""Convert Markdown and code to HTML, with an anchor for each heading and colours for the code."""

import ast
import html
import re
from collections import Counter
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
FORMATTER = HtmlFormatter(nowrap=True)
WIDE = re.compile(r'(?s)<table>.*?</table>|<img src="[^"]*\.svg"[^>]*>')  # in Markdown
WORDS = ("text", "code_inline", "image")  # parts of a line that people read
LONG_CODE = 40  # characters; longer code, such as the name of a test, can be split between lines


@dataclass
class Section:
    """A heading and the text below it, up to the next heading."""

    level: int
    title: str
    anchor: str
    text: list[str] = field(default_factory=list)


class Writer:
    """Writes the parts of one page, and keeps its sections for the menu and the search."""

    def __init__(self) -> None:
        self.sections: list[Section] = []
        self._anchors: Counter[str] = Counter()

    def markdown(self, text: str) -> str:
        """Return Markdown as HTML."""
        tokens = MARKDOWN.parse(text)
        before = None
        for token in tokens:
            if token.type == "inline" and before and before.type == "heading_open":
                self._begin_section(before, token)
            elif token.type == "inline":
                self.note(plain(token))
            elif token.type in ("code_block", "fence"):
                language = token.info.strip() or guess_language(token.content)
                token.type, token.content = "html_block", self.code(token.content, language)
            before = token
        return scrolling(MARKDOWN.renderer.render(tokens, MARKDOWN.options, {}))

    def code(self, source: str, language: str) -> str:
        """Return a block of code as HTML."""
        self.note(source)
        try:
            lexer = get_lexer_by_name(language, stripnl=False)
        except ClassNotFound:
            return pre(html.escape(source))
        return pre(highlight(source, lexer, FORMATTER))

    def note(self, text: str) -> None:
        """Store a text for the search."""
        if self.sections:
            self.sections[-1].text.append(text)

    def _begin_section(self, heading: Token, inline: Token) -> None:
        """Add an anchor to a heading, with the same name as on GitHub, and a link to the anchor."""
        title = plain(inline)
        anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        self._anchors[anchor] += 1
        if self._anchors[anchor] > 1:
            anchor += f"-{self._anchors[anchor] - 1}"
        heading.attrSet("id", anchor)
        label = html.escape(f"Link to “{title}”")
        link = Token("html_inline", "", 0)
        link.content = f' <a class="anchor" href="#{anchor}" aria-label="{label}">#</a>'
        inline.children = [*(inline.children or []), link]
        self.sections.append(Section(int(heading.tag[1]), title, anchor))


def plain(inline: Token) -> str:
    """Return the text of a line of Markdown without its markup."""
    parts = inline.children or []
    return "".join(part.content if part.type in WORDS else " " * (part.type == "softbreak")
                   for part in parts)  # fmt: skip


def code_inline(_: object, tokens: list[Token], at: int, *_more: object) -> str:
    """Return code in a line as HTML. A browser can split a long name after its parts."""
    code = html.escape(tokens[at].content)
    if len(code) > LONG_CODE:
        code = re.sub("::|[/_]", r"\g<0><wbr>", code)
    return f"<code>{code}</code>"


MARKDOWN.add_render_rule("code_inline", code_inline)


def scrolling(markup: str) -> str:
    """Return HTML in which tables and drawings can scroll on a narrow screen.

    With a keyboard, people can scroll an element only if they can focus it. Therefore these elements and
    each block of code have a tabindex.
    """
    return WIDE.sub(r'<div class="scroll" tabindex="0">\g<0></div>', with_full_headings(markup))


def with_full_headings(markup: str) -> str:
    """Return HTML in which each empty table heading is a plain cell, because a heading needs text."""
    return re.sub(r"<th([^>]*)></th>", r"<td\1></td>", markup)


def pre(markup: str) -> str:
    """Return preformatted lines as HTML that scrolls separately from the page."""
    return f'<pre tabindex="0"><code>{markup}</code></pre>\n'


def guess_language(code: str) -> str:
    """Return the language of a block of code that does not name its language.

    It is "html" if the block begins with a tag, "python" if Python can parse it, and otherwise "text".
    """
    if code.lstrip().startswith("<"):
        return "html"
    try:
        ast.parse(code)
    except (SyntaxError, ValueError):
        return "text"
    return "python"
