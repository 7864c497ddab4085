"""Find the URLs and email addresses in the text of a message, so that they become links.

A URL is recognized if it begins with a scheme (`https://`), with `www.`, or with a domain and a slash
(`example.org/page`). A domain without a slash is not, because many names of files look like one, such
as `app.py`. The time that the search takes grows only in proportion to the length of the text, because
no pattern can match the same text in two ways.
"""

import re
from collections.abc import Callable, Iterator

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

_PORT = r"(?::\d{1,5})?"
_PATH = r"(?:[/?#][^\s<>\"\\^`{|}\x00-\x1f\x7f]*)?"  # without the characters that no URL contains
SCHEME = re.compile(r"(?<![a-z0-9])https?\Z", re.IGNORECASE)
LONGEST_SCHEME = len("https")
AFTER_SCHEME = re.compile(rf"://(?:[^\W_][\w.-]*|\[[\da-f:.]+\]){_PORT}{_PATH}", re.IGNORECASE)
IN_TEXT = re.compile(
    rf"""(?<![\w@./-]) (?: www\.[^\W_][\w.-]*{_PORT} | (?:[a-z0-9-]+\.)+[a-z]{{2,}}(?=/) ) {_PATH}
    | (?P<email> (?<![\w.+-]) [a-z0-9][a-z0-9._+-]{{,63}} @ (?:[a-z0-9-]+\.)+[a-z]{{2,}} )""",
    re.IGNORECASE | re.VERBOSE,
)
PUNCTUATION = "?!.,:;*_~'\"…。，、！？；：」』）】》”’"  # at the end, it belongs to the sentence
OPENING = {")": "(", "]": "["}


def enable(markdown: MarkdownIt) -> None:
    """Let a Markdown parser make links of URLs and email addresses."""
    markdown.inline.ruler.after("text", "url", _url)
    markdown.core.ruler.push("links", lambda state: replace_texts(state, _linked))


def replace_texts(state: StateCore, parts_of: Callable[[Token], Iterator[Token]]) -> None:
    """Replace each text that is neither code nor in a link by the tokens that `parts_of` yields."""
    for block in state.tokens:
        parts: list[Token] = []
        in_link = False
        for token in block.children or ():
            if token.type in ("link_open", "link_close"):
                in_link = token.type == "link_open"
            is_prose = token.type == "text" and not in_link
            parts += parts_of(token) if is_prose else [token]
        block.children = parts or block.children


def text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _url(state: StateInline, silent: bool) -> bool:
    """Turn a URL with a scheme into a link, before Markdown reads an `_` or `*` in it as emphasis.

    While the parser looks for the end of a link's label (`silent`), it does not know what precedes the
    position.
    """
    if silent or state.linkLevel or not state.src.startswith("://", state.pos):
        return False
    scheme = SCHEME.search(state.pending[-LONGEST_SCHEME - 1 :])
    rest = AFTER_SCHEME.match(state.src, state.pos, state.posMax)
    if not (scheme and rest):
        return False
    url = _without_punctuation(scheme.group() + rest.group())
    state.pending = state.pending[: -len(scheme.group())]
    if state.pending:
        state.pushPending()
    state.tokens += _link(url, url)
    state.pos += len(url) - len(scheme.group())
    return True


def _linked(token: Token) -> Iterator[Token]:
    done = 0
    for found in IN_TEXT.finditer(token.content):
        address = found["email"] or _without_punctuation(found.group())
        yield text(token.content[done : found.start()])
        yield from _link(f"mailto:{address}" if found["email"] else f"http://{address}", address)
        done = found.start() + len(address)
    yield text(token.content[done:])


def _link(url: str, label: str) -> list[Token]:
    opening = Token("link_open", "a", 1, attrs={"href": _markdown.normalizeLink(url)})
    return [opening, text(label), Token("link_close", "a", -1)]


def _without_punctuation(url: str) -> str:
    """Remove the sentence's punctuation after a URL: `.`, or a `)` that was opened before the URL."""
    while True:
        end = url[-1]
        if end in PUNCTUATION:
            url = url.rstrip(PUNCTUATION)
        elif end in OPENING and url.count(end) > url.count(OPENING[end]):
            url = url[:-1]
        else:
            return url


_markdown = MarkdownIt("zero")  # only for its way to encode a URL
