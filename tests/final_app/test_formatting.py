"""A text without markup takes a shortcut to its HTML, which must not make a difference."""

import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from final_app.chat import formatting

# What Markdown, the search for links, or the parser of HTML may treat in a way of its own.
TRICKY = [
    "http://", "https://example.org", "ftp:", "//", "mailto:", "www.", "example.org", "a.b", ".рф",
    "localhost:80", "127.0.0.1", "3.14", "x@y.org", "@ada", "...", ". ", "12:30", "。",
    "1.", "2)", "٣.", "- ", "-", "+ ", "* ", "> ", "# ", "---", "===", "|a|", "*a*", "_", "~~", "`",
    "```", "[a](b)", "\\", "&", "&amp;", "&lt", "<b>", ">", '"', "'", "\n", "\n\n", " ", "  ", "    ",
    "\t", "\r\n", "\r", "\x00", "\x0b", "\x7f", "\x85", "\xa0", "\xad", "\u200b", "\u200f", "\u2028",
    "\u3000", "\ufeff", "\ufffe", "🎉", "👩🏽‍🚀", "שלום", "مرحبا", "é", "\u0301",
]  # fmt: skip
ANY = st.characters(exclude_categories=["Cs"])
TEXTS = st.lists(st.sampled_from(TRICKY) | ANY | st.text(ANY, max_size=5), max_size=8).map("".join)
PLAIN = [
    "Hello",
    "Shall we meet at five? Bring 3 apples, please...",
    'It\'s 12:30, and "he" said: (no)!',
    "5 people\nand me",
    "Grüße 🎉\nשלום",
]


@given(TEXTS)
@example("a\n5. b")
@example("")
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_short_way_leads_to_the_same_html(text: str) -> None:
    assert formatting.render(text, ["ada"]) == formatting._formatted(text, ["ada"])


def test_a_text_that_the_library_cannot_format_is_shown_as_it_was_typed() -> None:
    unlucky = "[" * 21 + "aaaaa[//x.p:// <b> @Ada"
    with pytest.raises(RuntimeError):
        formatting._formatted(unlucky, [])
    html = f"<p>{unlucky.replace('<', '&lt;')}</p>"
    assert formatting.render(unlucky, ["ada", "bo"]) == (html, {"ada"})


@pytest.mark.parametrize("text", PLAIN)
def test_what_people_usually_write_takes_the_short_way(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    html = formatting._formatted(text, [])
    monkeypatch.setattr(formatting, "_formatted", None)
    assert formatting.render(text, []) == html


@pytest.mark.parametrize(
    ("part", "text"),
    {
        "*": "*a*",
        "@": "Hi @ada",
        "//": "http://localhost",
        r"\.[^\s.]": "a.org",
        "^[-+]": "- a",
        r"^\d+[.)]": "1. a",
        r"\s\s": "a  \nb",
        r"\A(\s|\Z)": "",
    }.items(),
)
def test_each_part_of_the_rule_is_needed(
    part: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern = formatting.MARKUP.pattern
    assert part in pattern
    broken = re.compile(pattern.replace(part, "\uffff", 1), formatting.MARKUP.flags)
    monkeypatch.setattr(formatting, "MARKUP", broken)
    assert formatting.render(text, ["ada"]) != formatting._formatted(text, ["ada"])
