"""Render a message as safe HTML, once, when it is stored: a subset of Markdown with mentions."""

import re
from collections.abc import Collection
from html import unescape

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

MENTION = re.compile(r"(?<![\w@.])@([a-z0-9][a-z0-9._-]*[a-z0-9])", re.IGNORECASE)

_TAGS = {"p", "br", "strong", "em", "s", "code", "pre", "a", "ul", "ol", "li", "blockquote", "span"}
_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto"}


def render(text: str, names: Collection[str]) -> str:
    """Return the HTML of a message. `names` are the usernames that can be mentioned with @.

    HTML in the text is escaped, and the result may contain only allowed tags.
    """
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


def plain(html: str) -> str:
    """Return the text of a message's HTML, without tags."""
    return unescape(nh3.clean(html, tags=set())).strip()


def mentioned(text: str) -> set[str]:
    """Return the names that follow an @, in lowercase."""
    return {name.lower() for name in MENTION.findall(text)}


def _mark_mentions(state: StateCore) -> None:
    """Turn @name into a marked span if the name is known, except in code."""
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
