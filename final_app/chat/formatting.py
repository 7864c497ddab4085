"""Render the Markdown and the mentions of a message as safe HTML, once, when it is stored."""

import re
from collections.abc import Collection, Iterator
from html import escape, unescape
from typing import NamedTuple

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from final_app.chat import links

MENTION = re.compile(r"(?<![\w@.])@([a-z0-9][a-z0-9._-]*[a-z0-9])", re.IGNORECASE)

MOST_HTML = 16_384  # bytes; the longest message needs at most 16,007 if it is not formatted
LINE_BREAK = re.compile(r"<br>\n?")
# Finds every text that may need formatting or cleaning. It may also find some texts that do not.
MARKUP = re.compile(
    r"""[`*_~\[\]\\<>&@] | :// | www\. | \.[a-z]{2,}/     # anywhere in a line
      | ^[-+] | ^\d+[.)]                               # at the beginning of a line
      | [^\S\n ] | [\x00-\x09\x0b-\x1f\x7f] | \s\s | \A(\s|\Z) | \s\Z""",
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
AMBIGUOUS = re.compile(r"&(?=[0-9A-Za-z#])")  # an & that could begin a character reference

_TAGS = {"p", "br", "strong", "em", "s", "code", "pre", "a", "ul", "ol", "li", "blockquote", "span"}
_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto"}


class Rendered(NamedTuple):
    """The HTML of a message, and the usernames that it mentions, in lowercase."""

    html: str
    mentions: set[str]


def render(text: str, names: Collection[str]) -> Rendered:
    """Return the HTML of a message. `names` are the usernames that can be mentioned with @.

    HTML in the text is escaped, and the result contains only allowed tags. If the result is longer than
    MOST_HTML, because the message contains hundreds of links for example, the message is not formatted.
    """
    if not MARKUP.search(text):
        return Rendered(_as_paragraph(text), set())
    rendered = _formatted(text, names)
    is_short = len(rendered.html.encode()) <= MOST_HTML
    return rendered if is_short else rendered._replace(html=_as_typed(text))


def plain(html: str) -> str:
    """Return the text of a message's HTML, without tags."""
    return unescape(nh3.clean(LINE_BREAK.sub("\n", html), tags=set())).strip()


def is_plain(text: str, html: str) -> bool:
    """Return whether the HTML of a message is only its text in one paragraph.

    If it is, the chat does not send the HTML, because clients can create it themselves. The escaping
    here must be the same as in `_formatted`.
    """
    escaped = escape(text, quote=False).replace("\u00a0", "&nbsp;")
    return html == _as_paragraph(escaped)


def mentioned(text: str) -> set[str]:
    """Return the names that follow an @ anywhere in the text, even in code, in lowercase."""
    return {name.lower() for name in MENTION.findall(text)}


def _as_paragraph(text: str) -> str:
    """Return the same HTML as `_formatted` for a text without markup, a hundred times as fast."""
    return "<p>" + text.replace("\n", "<br>\n") + "</p>"


def _as_typed(text: str) -> str:
    """Return a text as HTML without links and formatting. No character needs more than 4 bytes.

    `&` is escaped only where this is necessary. If every `&` became `&amp;`, the longest message could
    have 20 kB.
    """
    escaped = AMBIGUOUS.sub("&amp;", text).replace("<", "&lt;").replace("\n", "<br>")
    return f"<p>{escaped}</p>"


def _formatted(text: str, names: Collection[str]) -> Rendered:
    mentions: set[str] = set()
    env = {"names": {name.lower() for name in names}, "mentions": mentions}
    html = nh3.clean(
        _markdown.render(text, env).strip(),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        allowed_classes={"span": {"mention"}},
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return Rendered(html, mentions)


def _mark_mentions(state: StateCore) -> None:
    """Put each @name into a span with the class `mention` if the name is known.

    In code and in a link, such as https://example.org/@name, nobody is mentioned.
    """
    links.replace_texts(state, lambda token: _marked(token.content, **state.env))


def _marked(text: str, names: set[str], mentions: set[str]) -> Iterator[Token]:
    """Yield the tokens of a text in which each known @name is marked, and add it to `mentions`."""
    done = 0
    for found in MENTION.finditer(text):
        name = found.group(1).lower()
        if name in names:
            mentions.add(name)
            yield links.text(text[done : found.start()])
            yield Token(
                "html_inline", "", 0, content=f'<span class="mention">{found.group()}</span>'
            )
            done = found.end()
    yield links.text(text[done:])


_markdown = MarkdownIt("zero", {"html": False, "breaks": True}).enable(
    ["emphasis", "strikethrough", "backticks", "fence", "list", "blockquote", "newline", "link",
     "escape"]
)  # fmt: skip
links.enable(_markdown)
_markdown.core.ruler.push("mentions", _mark_mentions)
