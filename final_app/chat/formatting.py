"""Render the Markdown and the mentions of a message as safe HTML, once, when it is stored."""

import re
from collections.abc import Collection
from html import escape, unescape

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

MENTION = re.compile(r"(?<![\w@.])@([a-z0-9][a-z0-9._-]*[a-z0-9])", re.IGNORECASE)

MOST_HTML = 16_384  # bytes; the longest message needs at most 16,007 if it is not formatted
LINE_BREAK = re.compile(r"<br>\n?")
# Finds every text that may need formatting or cleaning. It may also find some texts that do not.
MARKUP = re.compile(
    r"""[`*_~\[\]\\<>&@] | // | \.[^\s.]                   # anywhere in a line
      | ^[-+] | ^\d+[.)]                               # at the beginning of a line
      | [^\S\n ] | [\x00-\x09\x0b-\x1f\x7f] | \s\s | \A(\s|\Z) | \s\Z""",
    re.VERBOSE | re.MULTILINE,
)
AMBIGUOUS = re.compile(r"&(?=[0-9A-Za-z#])")  # an & that could begin a character reference

_TAGS = {"p", "br", "strong", "em", "s", "code", "pre", "a", "ul", "ol", "li", "blockquote", "span"}
_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto"}


def render(text: str, names: Collection[str]) -> str:
    """Return the HTML of a message. `names` are the usernames that can be mentioned with @.

    HTML in the text is escaped, and the result contains only allowed tags. If the result is longer than
    MOST_HTML, because the message contains hundreds of links for example, the message is not formatted.
    """
    html = _formatted(text, names) if MARKUP.search(text) else _as_paragraph(text)
    return html if len(html.encode()) <= MOST_HTML else _as_typed(text)


def plain(html: str) -> str:
    """Return the text of a message's HTML, without tags."""
    return unescape(nh3.clean(LINE_BREAK.sub("\n", html), tags=set())).strip()


def is_plain(text: str, html: str) -> bool:
    """Return whether the HTML of a message is only its text in one paragraph.

    If it is, the chat does not send the HTML, because clients can create it themselves. The escaping
    here must be the same as in `_formatted`.
    """
    escaped = escape(text, quote=False).replace("\u00a0", "&nbsp;")
    return html == "<p>" + escaped.replace("\n", "<br>\n") + "</p>"


def mentioned(text: str) -> set[str]:
    """Return the names that follow an @, in lowercase."""
    return {name.lower() for name in MENTION.findall(text)}


def _as_paragraph(text: str) -> str:
    """Return the same as `_formatted` for a text without markup. This is a hundred times as fast."""
    return "<p>" + text.replace("\n", "<br>\n") + "</p>"


def _as_typed(text: str) -> str:
    """Return a text as HTML without links and formatting. No character needs more than 4 bytes.

    `&` is escaped only where this is necessary. If every `&` became `&amp;`, the longest message could
    have 20 kB.
    """
    escaped = AMBIGUOUS.sub("&amp;", text).replace("<", "&lt;").replace("\n", "<br>")
    return f"<p>{escaped}</p>"


def _formatted(text: str, names: Collection[str]) -> str:
    html = _markdown.render(text, {"names": {name.lower() for name in names}})
    return nh3.clean(
        html.strip(),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        allowed_classes={"span": {"mention"}},
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


def _mark_mentions(state: StateCore) -> None:
    """Put each @name into a span with the class `mention` if the name is known and not in code."""
    for block in state.tokens:
        if block.type == "inline" and block.children:
            block.children = [
                part
                for token in block.children
                for part in (_split(token, state.env["names"]) if token.type == "text" else [token])
            ]


def _split(token: Token, names: set[str]) -> list[Token]:
    parts: list[Token] = []
    done = 0
    for found in MENTION.finditer(token.content):
        if found.group(1).lower() in names:
            parts.append(_token("text", token.content[done : found.start()]))
            parts.append(_token("html_inline", f'<span class="mention">{found.group()}</span>'))
            done = found.end()
    return [*parts, _token("text", token.content[done:])]


def _token(kind: str, content: str) -> Token:
    return Token(kind, "", 0, content=content)


_markdown = MarkdownIt("zero", {"html": False, "breaks": True, "linkify": True}).enable(
    ["emphasis", "strikethrough", "backticks", "fence", "list", "blockquote", "newline",
     "link", "linkify", "escape"]
)  # fmt: skip
_markdown.core.ruler.push("mentions", _mark_mentions)
