"""A text without markup takes a shortcut to its HTML, which must not make a difference."""

import re
from html import unescape

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from final_app.chat import formatting

# What Markdown, the search for links, or the parser of HTML may treat in a way of its own.
TRICKY = [
    "http://", "https://example.org", "ftp:", "//", "mailto:", "www.", "example.org", "a.b", ".рф",
    "localhost:80", "127.0.0.1", "3.14", "x@y.org", "@ada", "...", ". ", "12:30", "。",
    "www.a", "a.org/b", "HTTPS://A", "x.PY/",
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
    "See app.py and example.org, e.g. 3.14 and/or 12/24...",
    "Grüße 🎉\nשלום",
]


@given(TEXTS)
@example("a\n5. b")
@example("")
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_short_way_leads_to_the_same_html(text: str) -> None:
    assert formatting.render(text, ["ada"]) == formatting._formatted(text, ["ada"])


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
        "://": "http://localhost",
        r"www\.": "www.a",
        r"\.[a-z]{2,}/": "a.org/b",
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


@pytest.mark.parametrize(("text", "urls"), {
    "See https://example.org.": ["https://example.org"],
    "(https://example.org/Foo_(bar))": ["https://example.org/Foo_(bar)"],
    "**https://example.org**, _http://localhost:5000/a?b=1&c#d_": [
        "https://example.org", "http://localhost:5000/a?b=1&c#d"],
    "https://example.org/pkg/__init__.py*": ["https://example.org/pkg/__init__.py"],
    "HTTPS://EXAMPLE.ORG!": ["HTTPS://EXAMPLE.ORG"],
    "http://a.b|http://c.d": ["http://a.b", "http://c.d"],
    'http://a.b/"onmouseover="x': ["http://a.b/"],
    "http://[::1]:80/": ["http://[::1]:80/"],
    "看https://例え.jp。はい": ["https://xn--r8jz45g.jp"],
    "www.example.org, example.org/a": ["http://www.example.org", "http://example.org/a"],
    "ada@example.org.": ["mailto:ada@example.org"],
    "[https://a.b](https://c.d) [https://e.f]": ["https://c.d", "https://e.f"],
    "app.py example.org and/or src/app.py/x 3.14/2 e.g./": [],
    "http:// http://??? xhttp://a.b ftp://a.b //a.b a@b @a.b/": [],
    "`https://a.b`\n\n```\nwww.a.b\n```": [],
}.items())  # fmt: skip
def test_what_is_a_link(text: str, urls: list[str]) -> None:
    html = formatting.render(text, []).html
    assert [unescape(url) for url in re.findall(r'href="([^"]*)"', html)] == urls
    assert html.count("<a ") == len(urls)
