"""The names of people and rooms: what they can contain, and when two of them look the same."""

import re
import unicodedata

from final_app.errors import Invalid

# Fillers, blanks and selectors, which Python calls printable.
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
# Cyrillic and Greek letters, each above the Latin letter that it looks like, as a capital or not.
LOOKALIKES = str.maketrans(
    "авеѕіјкмнорстухһԁԛԝ" "αβεζικμνορτυχϲϳ",
    "abesijkmhopctyxhdqw" "abezikmvoptyxcj",
)  # fmt: skip


def checked(name: str, most: int, what: str) -> str:
    """Return a name with single spaces. Raises Invalid unless it has 1 to `most` visible characters."""
    name = " ".join(name.split())
    if not folded(name).strip() or len(name) > most or not name.isprintable():
        raise Invalid(f"{what} must have 1 to {most} visible characters.", field="name")
    return name


def folded(name: str) -> str:
    """Return a text that is the same for two names if people cannot tell them apart.

    Such names may differ in capitalization, in the form of their letters (as "Ａda" and "ada" do), in
    similar letters of another script (a Cyrillic "а"), and in invisible characters.
    """
    same = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return INVISIBLE.sub("", same).translate(LOOKALIKES)
