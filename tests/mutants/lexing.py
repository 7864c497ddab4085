"""Split Python, JavaScript and HTML roughly into tokens: a typo does not care about grammar."""

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

NAME, WORD, STRING, COMMENT, OTHER, TAG, ATTRIBUTE = (
    "name", "word", "string", "comment", "other", "tag", "attribute",
)  # fmt: skip

QUOTED = r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
NUMBER = r"\d[\d_.]*"
PYTHON = re.compile(
    r"(?P<comment>\#.*)"
    rf"|(?P<string>\b[rbf]{{0,2}}(?:\"\"\"[\s\S]*?\"\"\"|{QUOTED})|\"\"\"[\s\S]*?\"\"\"|{QUOTED})"
    rf"|(?P<name>[^\W\d]\w*)|(?P<other>{NUMBER}|->|:=|==|!=|<=|>=|\*\*|//|\S)"
)
JAVASCRIPT = re.compile(
    rf"(?P<comment>//.*|/\*[\s\S]*?\*/)|(?P<string>{QUOTED}|`[^`]*`)|(?P<name>[^\W\d][\w$]*)"
    rf"|(?P<other>{NUMBER}|=>|===|!==|==|!=|<=|>=|\+=|&&|\|\||\S)"
)
INSIDE = rf"(?:{QUOTED}|[^%}}\"'])*"
HTML = re.compile(
    rf"(?P<comment><!--[\s\S]*?-->|\{{\#[\s\S]*?\#\}})"
    rf"|(?P<jinja>\{{%{INSIDE}%\}}|\{{\{{(?:{QUOTED}|(?!\}}\}})[\s\S])*\}}\}})"
    r"|(?P<tag></?[A-Za-z!](?:\"[^\"]*\"|'[^']*'|\{\{.*?\}\}|[^>\"'])*>)"
)
IN_A_TAG = re.compile(
    r"(?P<jinja>\{\{.*?\}\})|(?P<attribute>[\w-]+(?:=\"[^\"]*\")?)|(?P<other></?|>|\S)"
)
IDENTIFIER = re.compile(r"[#./]?([A-Za-z_][\w-]*)(?:[./][\w-]+)*/?")
GAP = re.compile(r"\{\{?(.*?)\}")


@dataclass(frozen=True)
class Token:
    """A piece of a file, from offset `start` to `end`."""

    kind: str
    text: str
    start: int
    end: int


class Source:
    """A file's text, its lines, and its tokens without those of comments and docstrings."""

    def __init__(self, text: str, suffix: str) -> None:
        self.text, self.suffix = text, suffix
        self.lines = text.splitlines(keepends=True)
        self.starts = [0, *accumulate(map(len, self.lines))]
        lexed = [*{".py": python, ".js": javascript, ".html": html}[suffix](text, 0)]
        self.prose = [t for t in lexed if t.kind == COMMENT]
        self.tokens = [t for t in lexed if t.kind != COMMENT]
        with_code = {self.line_of(t.start) for t in self.tokens} | {
            self.line_of(t.end - 1) for t in self.tokens
        }
        inside = {n for t in self.prose for n in range(self.line_of(t.start), self.line_of(t.end))}
        self.code_lines = [
            n for n in range(1, len(self.lines) + 1)
            if self.lines[n - 1].strip() and (n in with_code or suffix == ".html") and n not in inside
        ]  # fmt: skip

    def line_of(self, offset: int) -> int:
        return bisect(self.starts, offset)

    def line(self, number: int) -> str:
        return self.lines[number - 1] if number <= len(self.lines) else ""

    def on_line(self, number: int) -> list[Token]:
        return [t for t in self.tokens if self.line_of(t.start) == number]


def python(text: str, at: int) -> Iterator[Token]:
    for found in PYTHON.finditer(text):
        token = token_of(found, at)
        begins_a_line = not text[: found.start()].rpartition("\n")[2].strip()
        if token.kind == STRING and token.text.startswith('"""') and begins_a_line:
            yield Token(COMMENT, token.text, token.start, token.end)
        elif token.kind == STRING and token.text.startswith('"""'):
            yield from html(token.text, token.start)
        else:
            yield token
            yield from words_of(token)


def javascript(text: str, at: int) -> Iterator[Token]:
    for found in JAVASCRIPT.finditer(text):
        yield (token := token_of(found, at))
        yield from words_of(token)


def html(text: str, at: int) -> Iterator[Token]:
    for found in HTML.finditer(text):
        start = at + found.start()
        if found.lastgroup == "tag":
            yield Token(TAG, found[0], start, at + found.end())
            yield from tag(found[0], start)
        elif found.lastgroup == "jinja":
            yield from jinja(found[0], start)
        else:
            yield token_of(found, at)


def jinja(text: str, at: int) -> Iterator[Token]:
    """Braces are tokens of two characters. The text between them is an expression."""
    yield Token(OTHER, text[:2], at, at + 2)
    yield from python(text[2:-2], at + 2)
    yield Token(OTHER, text[-2:], at + len(text) - 2, at + len(text))


def tag(text: str, at: int) -> Iterator[Token]:
    for place, found in enumerate(IN_A_TAG.finditer(text)):
        start, end = at + found.start(), at + found.end()
        if found.lastgroup == "jinja":
            yield from jinja(found[0], start)
        elif found.lastgroup == "attribute" and place == 1:
            yield Token(WORD, found[0], start, end)
        elif found.lastgroup == "attribute":
            name, _, value = found[0].partition("=")
            yield Token(ATTRIBUTE, found[0], start, end)
            yield Token(WORD, name, start, start + len(name))
            if value:
                token = Token(STRING, value, end - len(value), end)
                yield token
                yield from words_of(token)
        else:
            yield token_of(found, at)


def words_of(token: Token) -> Iterator[Token]:
    """Yield the names inside a string that a program uses: an identifier, or the content of a gap."""
    if token.kind != STRING:
        return
    inside = token.text[:-1].lstrip("rbf")[1:]
    begin = token.start + token.text.index(inside, 1) if inside else token.end
    if found := IDENTIFIER.fullmatch(inside):
        yield Token(WORD, found[1], begin + found.start(1), begin + found.end(1))
    elif "{" in inside:
        for gap in GAP.finditer(inside):
            for each in python(gap[1], begin + gap.start(1)):
                if each.kind in (NAME, STRING, WORD):
                    yield Token(WORD if each.kind == NAME else each.kind, each.text, each.start,
                                each.end)  # fmt: skip


def token_of(found: re.Match[str], at: int) -> Token:
    return Token(str(found.lastgroup), found[0], at + found.start(), at + found.end())
