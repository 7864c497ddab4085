"""Names of people and rooms: which characters they can contain, and when two names look the same."""

import re
import unicodedata

from final_app.errors import Invalid

# Fillers, blanks and selectors. They are invisible, but Python regards them as printable.
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
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


def folded(name: str) -> str:
    """Return a form of the name that is the same for all names that people cannot tell apart.

    Such names can differ in capitalization, in the form of their letters (as "Ａda" and "ada" do), in
    letters from another script that look the same (such as a Cyrillic "а"), or in invisible characters.
    """
    same = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return INVISIBLE.sub("", same).translate(LOOKALIKES)
