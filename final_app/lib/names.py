"""Names of people and rooms: which characters they can contain, and when two names look the same."""

import itertools
import re
import unicodedata

from final_app.errors import Invalid

# Fillers, blanks and selectors. They are invisible, but Python regards them as printable.
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}")  # two letters of a country
SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
# Cyrillic and Greek letters, each above the Latin letter that it looks like in lowercase or uppercase.
LOOKALIKES = str.maketrans(
    "авеѕіјкмнорстухһԁԛԝ" "αβεζικμνορτυχϲϳ",
    "abesijkmhopctyxhdqw" "abezikmvoptyxcj",
)  # fmt: skip


def checked(name: str, most: int, what: str) -> str:
    """Return a name with single spaces. Raises Invalid unless it has 1 to `most` visible characters."""
    name = " ".join(name.split())
    # The length comes first: folding takes seconds for a name of 48,000 accents, and blocks the process.
    if len(name) > most or not name.isprintable() or not folded(name).strip():
        raise Invalid(f"{what} must have 1 to {most} visible characters.", field="name")
    return name


def initials(name: str) -> str:
    """Return the first character, as readers see it, of each of the first two words.

    `fillAvatar` in static/js/ui/dom.js does the same.
    """
    return "".join(map(_first_character, name.upper().split()[:2]))


def _first_character(word: str) -> str:
    """Return the first character with its accents or its skin tone. A flag has two code points."""
    begin = 2 if FLAG.match(word) else 1
    return word[:begin] + "".join(itertools.takewhile(_belongs_to_the_last, word[begin:]))


def _belongs_to_the_last(character: str) -> bool:
    return character in SKIN_TONES or unicodedata.category(character).startswith("M")


def folded(name: str) -> str:
    """Return a form of the name that is the same for all names that people cannot tell apart.

    Such names can differ in capitalization, in the form of their letters (as "Ａda" and "ada" do), in
    letters from another script that look the same (such as a Cyrillic "а"), or in invisible characters.
    """
    same = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return INVISIBLE.sub("", same).translate(LOOKALIKES)
