"""Mutants of the steps, which operators generate automatically: typical typos in a line of code.

An operator works on the letters of a file, without knowing what they mean. Most mutants therefore harm a
step and some do not, and nobody has selected them. `oracle.py` finds out which ones are harmful.

    mutants_of("05")            # all of them, always the same
    chosen("05", 40)            # a sample: JavaScript, HTML and Python in turn, operator by operator
"""

import difflib
import random
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, zip_longest

from tests.mutants.lexing import ATTRIBUTE, NAME, OTHER, STRING, TAG, WORD, Source, Token
from workshop import manifest

STEPS = tuple(step.number for step in manifest.steps() if step.number >= "02")
PATTERNS = ("*.py", "templates/*.html", "static/*.js")
CLOSES = {"(": ")", "[": "]", "{": "}"}
INDENT = {".py": 4, ".js": 2, ".html": 2}
CLOSING_LINE = re.compile(r"\s*(?:[})\]]|</|\{% (?:end|else))")
OPENING_LINE = re.compile(r".*(?:[{(\[]|=>|[^/]>|:)\s*(?:(?:#|//).*)?$")
FLIPS = {
    "<": ">", ">": "<", "<=": ">=", ">=": "<=", "!=": "==", "!==": "===", "+": "-", "-": "+",
    "&&": "||", "||": "&&", "True": "False", "False": "True", "true": "false", "false": "true",
    "and": "or", "or": "and",
}  # fmt: skip

Change = tuple[int, int, str]  # from this offset to that one there is this text instead
Operator = Callable[[Source], Iterator[Change]]


@dataclass(frozen=True)
class Mutant:
    """A step in which one file is changed in one place."""

    step: str
    file: str
    line: int
    operator: str
    text: str  # the whole file, changed
    serial: int = 1  # of the mutants that this operator makes of this line

    @property
    def id(self) -> str:
        more = f" ({self.serial})" if self.serial > 1 else ""
        return f"{self.step}/{self.file}:{self.line}:{self.operator}{more}"

    @property
    def language(self) -> str:
        return {"py": "Python", "js": "JavaScript"}.get(self.file.rpartition(".")[2], "HTML")

    @property
    def diff(self) -> str:
        """The lines that differ, with - and +, without the lines around them."""
        before = (manifest.step(self.step).folder / self.file).read_text("utf-8")
        lines = difflib.unified_diff(before.splitlines(), self.text.splitlines(), n=0, lineterm="")
        return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def drop_decorator(source: Source) -> Iterator[Change]:
    for n in source.code_lines:
        if source.suffix == ".py" and source.line(n).lstrip().startswith("@"):
            yield whole(source, n, "")


def drop_line(source: Source) -> Iterator[Change]:
    for n in source.code_lines:
        yield whole(source, n, "")


def drop_tag(source: Source) -> Iterator[Change]:
    for token in of_kind(source, TAG):
        yield token.start, token.end, ""


def drop_argument(source: Source) -> Iterator[Change]:
    """Drop an argument, a parameter or an item, together with the comma after or before it."""
    for items in lists(source):
        for i, (start, end) in enumerate(items):
            if i + 1 < len(items):
                yield start, items[i + 1][0], ""
            else:
                yield (items[i - 1][1] if i else start), end, ""


def drop_attribute(source: Source) -> Iterator[Change]:
    for token in of_kind(source, ATTRIBUTE):
        yield token.start - 1, token.end, ""


def swap_names(source: Source) -> Iterator[Change]:
    for n in source.code_lines:
        names = [t for t in source.on_line(n) if t.kind in (NAME, WORD)]
        for left, right in pairwise(sorted(names, key=lambda t: t.start)):
            if left.text != right.text and left.end < right.start:
                between = source.text[left.end : right.start]
                yield left.start, right.end, right.text + between + left.text


def swap_arguments(source: Source) -> Iterator[Change]:
    for items in lists(source):
        for (a, b), (c, d) in pairwise(items):
            text = source.text
            yield a, d, text[c:d] + text[b:c] + text[a:b]


def misspell(source: Source) -> Iterator[Change]:
    for token in source.tokens:
        if token.kind in (NAME, WORD) and len(token.text) > 2:
            yield token.start, token.end, misspelt(token.text, token.start)


def misspelt(name: str, seed: int) -> str:
    """Return the name with a letter dropped, doubled, swapped with the next, or in the other case."""
    chance = random.Random(zlib.crc32(f"{name} {seed}".encode()))
    while True:
        i = chance.randrange(len(name) - 1)
        wrong = chance.choice([
            name[:i] + name[i + 1 :],
            name[:i] + name[i] + name[i:],
            name[:i] + name[i + 1] + name[i] + name[i + 2 :],
            name[:i] + name[i].swapcase() + name[i + 1 :],
        ])  # fmt: skip
        if wrong != name:
            return wrong


def drop_quote(source: Source) -> Iterator[Change]:
    for token in of_kind(source, STRING):
        first = token.start + len(token.text) - len(token.text.lstrip("rbf"))
        yield first, first + 1, ""
        yield token.end - 1, token.end, ""


def other_quotes(source: Source) -> Iterator[Change]:
    """Write 'so' instead of "so", which should change nothing."""
    for token in of_kind(source, STRING):
        if token.text[0] == '"' and "'" not in token.text and token.text.count('"') == 2:
            yield token.start, token.end, token.text.replace('"', "'")


def drop_bracket(source: Source) -> Iterator[Change]:
    for token in of_kind(source, OTHER):
        if token.text in (*"()[]{}<>", "</", "{{", "}}", "{%", "%}"):
            yield token.start, token.start + 1, ""


def drop_call(source: Source) -> Iterator[Change]:
    """Name a function instead of calling it."""
    for name, opening, closing in zip(
        source.tokens, source.tokens[1:], source.tokens[2:], strict=False
    ):
        if (name.kind, opening.text, closing.text) == (NAME, "(", ")"):
            yield opening.start, closing.end, ""


def move_out_of_block(source: Source) -> Iterator[Change]:
    """Move a line out of its block: past the end or the beginning, or in Python, by its indentation."""
    lines = set(source.code_lines)
    for n in source.code_lines:
        own, after, before = source.line(n), source.line(n + 1), source.line(n - 1) if n > 1 else ""
        width = INDENT[source.suffix]
        if not own.startswith(" " * width):
            continue
        if source.suffix == ".py":
            yield whole(source, n, own[width:])
        if n + 1 in lines and CLOSING_LINE.match(after):
            yield both(source, n, after, own[width:])
        if n - 1 in lines and OPENING_LINE.match(before) and indent(before) < indent(own):
            yield both(source, n - 1, own[width:], before)


def wrong_equals(source: Source) -> Iterator[Change]:
    instead = {"=": ("==", "==="), "==": ("=",), "===": ("=", "==")}
    for token in of_kind(source, OTHER):
        for wrong in instead.get(token.text, ()):
            if wrong != "===" or source.suffix == ".js":
                yield token.start, token.end, wrong


def drop_keyword(source: Source) -> Iterator[Change]:
    """Drop await, async, return, const, let, not and similar keywords."""
    for token in of_kind(source, NAME):
        if token.text in ("async", "return", "const", "let", "not", "global", "function"):
            yield token.start, token.end + 1, ""
    for token in of_kind(source, OTHER):
        if token.text == "!":
            yield token.start, token.end, ""


def drop_await(source: Source) -> Iterator[Change]:
    for token in of_kind(source, NAME):
        if token.text == "await":
            yield token.start, token.end + 1, ""


def swap_lines(source: Source) -> Iterator[Change]:
    lines = set(source.code_lines)
    for n in source.code_lines:
        if n + 1 in lines and source.line(n).strip() != source.line(n + 1).strip():
            yield both(source, n, source.line(n + 1), source.line(n))


def double_line(source: Source) -> Iterator[Change]:
    for n in source.code_lines:
        yield whole(source, n, source.line(n) * 2)


def drop_sign(source: Source) -> Iterator[Change]:
    """Drop a comma, a dot, a colon, a semicolon, or the # or . of a selector."""
    for token in source.tokens:
        if token.kind == OTHER and token.text in (",", ".", ":", ";"):
            yield token.start, token.end, ""
        if token.kind == STRING and token.text[1:2] in ("#", ".", "/"):
            yield token.start + 1, token.start + 2, ""


def flip(source: Source) -> Iterator[Change]:
    """Turn a comparison, a sign or a truth value into its opposite."""
    for token in source.tokens:
        if token.kind in (NAME, OTHER) and token.text in FLIPS and not between_tags(source, token):
            yield token.start, token.end, FLIPS[token.text]


def off_by_one(source: Source) -> Iterator[Change]:
    for token in of_kind(source, OTHER):
        if token.text.isdigit():
            yield token.start, token.end, str(int(token.text) + 1)


# In this order: what two operators make counts for the first.
OPERATORS: dict[str, Operator] = {
    "drop a decorator": drop_decorator,
    "remove await": drop_await,
    "move a line out of its block": move_out_of_block,
    "drop a line": drop_line,
    "drop a tag": drop_tag,
    "drop an attribute": drop_attribute,
    "drop an argument": drop_argument,
    "swap two names": swap_names,
    "misspell a name": misspell,
    "drop a quote": drop_quote,
    "drop a bracket": drop_bracket,
    "== for =": wrong_equals,
    "swap two lines": swap_lines,
    "swap two arguments": swap_arguments,
    "name instead of call": drop_call,
    "drop a keyword": drop_keyword,
    "drop a sign": drop_sign,
    "flip": flip,
    "off by one": off_by_one,
    "double a line": double_line,
    "other quotes": other_quotes,
}


def whole(source: Source, n: int, instead: str) -> Change:
    return source.starts[n - 1], source.starts[n], instead


def both(source: Source, n: int, first: str, second: str) -> Change:
    return source.starts[n - 1], source.starts[n + 1], ended(first) + ended(second)


def ended(line: str) -> str:
    return line if line.endswith("\n") else line + "\n"


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def of_kind(source: Source, kind: str) -> list[Token]:
    return [token for token in source.tokens if token.kind == kind]


def between_tags(source: Source, token: Token) -> bool:
    """Return whether a < or > belongs to a tag."""
    return any(tag.start <= token.start < tag.end for tag in of_kind(source, TAG))


def lists(source: Source) -> Iterator[list[tuple[int, int]]]:
    """Yield the items between two brackets, as offsets."""
    tokens = [t for t in source.tokens if t.kind in (NAME, OTHER, STRING)]
    for i, opening in enumerate(tokens):
        if opening.text not in CLOSES:
            continue
        depth, items, start = 0, [], i + 1
        for j in range(i, len(tokens)):
            depth += (tokens[j].text in CLOSES) - (tokens[j].text in CLOSES.values())
            at_end = depth == 0
            if at_end or (depth == 1 and tokens[j].text == ","):
                if j > start:
                    items.append((tokens[start].start, tokens[j - 1].end))
                start = j + 1
            if at_end or (depth == 1 and tokens[j].text == ";"):  # a block of code is no list
                break
        if at_end and items:
            yield items


def files_of(step: str) -> list[str]:
    folder = manifest.step(step).folder
    found = (path for pattern in PATTERNS for path in sorted(folder.glob(pattern)))
    return [path.relative_to(folder).as_posix() for path in found]


@cache
def mutants_of(step: str) -> tuple[Mutant, ...]:
    """Return all mutants of a step. No two of them have the same text."""
    folder = manifest.step(step).folder
    return tuple(
        mutant
        for file in files_of(step)
        for mutant in mutants_in((folder / file).read_text("utf-8"), step, file)
    )


def mutants_in(text: str, step: str, file: str) -> Iterator[Mutant]:
    source = Source(text, f".{file.rpartition('.')[2]}")
    known, serials = {text}, defaultdict[tuple[str, int], int](int)
    for name, operator in OPERATORS.items():
        for start, end, instead in operator(source):
            changed = text[:start] + instead + text[end:]
            if changed in known:
                continue
            known.add(changed)
            line = source.line_of(start)
            serials[name, line] += 1
            yield Mutant(step, file, line, name, changed, serials[name, line])


def chosen(step: str, limit: int, language: str = "", seed: int = 16) -> list[Mutant]:
    """Return a sample of a step's mutants, of each operator, in one language or in all of them."""
    chance = random.Random(f"{seed} {step}")
    languages = [language] if language else sorted({mutant.language for mutant in mutants_of(step)})
    return in_turn([by_operators(step, each, chance) for each in languages])[:limit]


def by_operators(step: str, language: str, chance: random.Random) -> list[Mutant]:
    piles = defaultdict[str, list[Mutant]](list)
    for mutant in mutants_of(step):
        if mutant.language == language:
            piles[mutant.operator].append(mutant)
    for pile in piles.values():
        chance.shuffle(pile)
    return in_turn(chance.sample([*piles.values()], len(piles)))


def in_turn(piles: list[list[Mutant]]) -> list[Mutant]:
    """Take one item from each pile in turn, until all piles are empty."""
    return [each for row in zip_longest(*piles) for each in row if each is not None]
