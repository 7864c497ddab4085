"""The notebooks' pictures are legible on a phone and in dark mode, and have a text form.

The test also applies each check to a copy of a picture with a mistake in it.
"""

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.repo.lessons import NOTEBOOKS
from workshop import paths

FOLDER = paths.ROOT / "docs" / "pictures"
WIDE = {"architecture.svg", "wire.svg"}  # for docs/, which has room for them
PICTURES = sorted(path for path in FOLDER.glob("*.svg") if path.name not in WIDE)
ALL = pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.stem)

SVG = "{http://www.w3.org/2000/svg}"
PHONE = 360  # CSS pixels: the width at which everything is measured
WORDS = 15  # at least, in a description
SMALLEST = 15  # CSS pixels of a letter, on a card of 360
MARGIN = 8  # CSS pixels between a text and the card's edge
TEXT, LINE = 4.5, 3.0  # contrast: WCAG 2.2, 1.4.3 and 1.4.11

# Returns, for each picture, what is written and drawn in it: where, how large, in which colour, and
# on which colour. A line touches a text if a visible point of it is in the text's box.
MEASURE = """(side) => [...document.querySelectorAll("svg")].map((svg) => {
  const box = (element) => {
    const { x, y, width, height } = element.getBBox(), m = element.getScreenCTM();
    const a = new DOMPoint(x, y).matrixTransform(m);
    const b = new DOMPoint(x + width, y + height).matrixTransform(m);
    return [a.x, a.y, b.x, b.y];
  };
  const shapes = (x, y) => document.elementsFromPoint(x, y)
    .filter((each) => svg.contains(each) && each !== svg && !each.closest("text"));
  const under = (element, x, y) => {  // what was drawn before it, and is filled
    const found = shapes(x, y).find((each) => getComputedStyle(each).fill !== "none" &&
      each.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING);
    return found ? getComputedStyle(found).fill : "rgb(0, 0, 0)";  // the page, which may be dark
  };
  const texts = [...svg.querySelectorAll("text")].map((text) => {
    const [left, top, right, bottom] = box(text), style = getComputedStyle(text);
    const middle = (top + bottom) / 2;
    return {
      words: text.textContent, box: [left, top, right, bottom], fill: style.fill,
      size: parseFloat(style.fontSize) * text.getScreenCTM().a,
      on: [left + 1, (left + right) / 2, right - 1].map((x) => under(text, x, middle)), touched: [],
    };
  });
  const [card, ...others] = [...svg.querySelectorAll("*")]
    .filter((each) => each instanceof SVGGeometryElement && !each.closest("pattern"));
  const lines = others.filter((each) => getComputedStyle(each).stroke !== "none").map((shape) => {
    const length = shape.getTotalLength(), m = shape.getScreenCTM();
    const points = Array.from({ length: Math.ceil(length / 2) },
      (_, i) => shape.getPointAtLength(2 * i + 1).matrixTransform(m));
    for (const text of texts) {
      const [left, top, right, bottom] = text.box;
      if (points.some(({ x, y }) => left < x && x < right && top < y && y < bottom &&
          shapes(x, y)[0] === shape)) text.touched.push(shape.outerHTML);
    }
    const { x, y } = points[Math.floor(points.length / 2)];
    return { drawn: shape.outerHTML, stroke: getComputedStyle(shape).stroke, on: under(shape, x, y) };
  });
  const { fill, rx } = getComputedStyle(card);
  const { left, top, right, bottom } = svg.getBoundingClientRect();
  return { card: { box: box(card), fill, rounded: parseFloat(rx) },
    picture: [left, top, right, bottom], texts, lines };
})"""


def text_problems(svg: str) -> list[str]:
    """Return what a picture's text form lacks, and which elements are outside the picture."""
    picture = ET.fromstring(svg)
    title, described = picture.find(f"{SVG}title"), picture.find(f"{SVG}desc")
    if title is None or described is None:
        return ["it needs a <title> and a <desc>"]
    problems = []
    if not (title.text or "").strip():
        problems.append("the title is empty")
    if len((described.text or "").split()) < WORDS:
        problems.append(f"the description has fewer than {WORDS} words")
    if picture.get("aria-labelledby", "").split() != [title.get("id"), described.get("id")]:
        problems.append("aria-labelledby does not name the title and the description")
    for element in picture.iter():
        if element.tag.removeprefix(SVG) in ("script", "style", "image", "foreignObject"):
            problems.append(f"it contains <{element.tag.removeprefix(SVG)}>")
        for name, value in element.attrib.items():
            if "//" in value or (name.endswith("href") and not value.startswith("#")):
                problems.append(f"{name} refers to something outside: {value}")
            if name.endswith("opacity"):
                problems.append(f"{name} lets the page shine through, which may be dark")
    return problems


def ids_in(svg: str) -> list[str]:
    return re.findall(r'\bid="([^"]*)"', svg)


def seen_problems(seen: dict[str, Any]) -> Iterator[str]:
    """Yield the elements of a measured picture that are hard to see."""
    card, texts = seen["card"], seen["texts"]
    left, top, right, bottom = card["box"]
    covered = [abs(a - b) <= 1 for a, b in zip(card["box"], seen["picture"], strict=True)]
    if not all(covered) or luminance(card["fill"]) < 0.9:
        yield "the first shape is not a nearly white card that fills the picture"
    if not card["rounded"]:
        yield "the card's corners are not rounded"
    for text in texts:
        a, b, c, d = text["box"]
        if round(text["size"], 1) < SMALLEST:
            yield f"{text['words']!r} is too small: {text['size']:.1f} pixels"
        if a < left + MARGIN or b < top + MARGIN or c > right - MARGIN or d > bottom - MARGIN:
            yield f"{text['words']!r} leaves the card"
        if (least := min(contrast(text["fill"], each) for each in text["on"])) < TEXT:
            yield f"{text['words']!r} is too faint: {least:.1f}"
        if text["touched"]:
            yield f"{text['words']!r} is touched by {text['touched'][0]}"
    for one, other in combinations(texts, 2):
        (a, b, c, d), (e, f, g, h) = one["box"], other["box"]
        if (
            a < g and e < c and b + 2 < h and f + 2 < d
        ):  # boxes have room above and below the letters
            yield f"{one['words']!r} overlaps {other['words']!r}"
    for line in seen["lines"]:
        if line["stroke"] != card["fill"] and (is_ := contrast(line["stroke"], line["on"])) < LINE:
            yield f"a line is too faint, {is_:.1f}: {line['drawn']}"


def luminance(colour: str) -> float:
    """Return the relative luminance of `rgb(1, 2, 3)` as defined by WCAG. Any other format fails."""
    channels = re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", colour)
    assert channels, f"{colour} is no opaque colour"
    light = [int(each) / 255 for each in channels.groups()]
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in light
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


SAMPLE = (FOLDER / "request_response.svg").read_text(encoding="utf-8")


def broken(old: str, new: str) -> str:
    """Return a copy of a picture with one mistake in it."""
    assert SAMPLE.count(old), f"{old} is not in the sample"
    return SAMPLE.replace(old, new, 1)


HIDDEN_MISTAKES = {
    "needs a <title>": broken("<desc", "<metadata").replace("</desc", "</metadata"),
    "the title is empty": re.sub(r"(<title[^>]*>)[^<]*", r"\1", SAMPLE),
    "fewer than": re.sub(r"(<desc[^>]*>)[^<]*", r"\1A request and its response.", SAMPLE),
    "aria-labelledby": broken('id="request-response-desc"', 'id="another"'),
    "it contains <script>": broken("</svg>", "<script>alert(1)</script></svg>"),
    "outside": broken("</svg>", '<use href="other.svg#a"/></svg>'),
    "shine through": broken('fill="#ffffff"', 'fill="#ffffff" fill-opacity="0.5"'),
}
VISIBLE_MISTAKES = {
    "not a nearly white card": broken('fill="#ffffff"', 'fill="#1b1e2b"'),
    "that fills the picture": broken('height="331"', 'height="200"'),
    "not rounded": broken('rx="12"', 'rx="0"'),
    "is too small: 14.0": broken('font-size="15"', 'font-size="14"'),
    "'Request and response' leaves the card": broken('<text x="20"', '<text x="140"'),
    "'route' is too faint": broken('fill="#1b1e2b" font-weight="700" text-anchor="middle">route',
                                   'fill="#8a90a6" font-weight="700" text-anchor="middle">route'),
    "is touched by": broken('y="183"', 'y="193"'),
    "overlaps": broken('y="136"', 'y="124"'),
    "a line is too faint": broken('stroke="#7b8197"', 'stroke="#b0b4c0"'),
}  # fmt: skip


@pytest.fixture(scope="module")
def measured(browser: Browser) -> Iterator[list[list[str]]]:
    """Yield the problems of each picture and of each broken copy. All of them are on one page."""
    drawings = [path.read_text(encoding="utf-8") for path in PICTURES]
    boxes = [
        f'<div style="width: {PHONE}px">{svg}</div>'
        for svg in (*drawings, *VISIBLE_MISTAKES.values())
    ]
    body = f'<body style="display: flex; flex-wrap: wrap; margin: 0">{"".join(boxes)}'
    size = {"width": 6 * PHONE, "height": 600 * (len(boxes) // 6 + 1)}  # all of it is in view
    page = browser.new_page(viewport=size)
    page.set_content(body)
    seen = page.evaluate(MEASURE)
    page.close()
    yield [list(seen_problems(each)) for each in seen]


@ALL
def test_a_picture_can_be_read_without_seeing_it(picture: Path) -> None:
    assert text_problems(picture.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("problem", HIDDEN_MISTAKES)
def test_a_mistake_in_a_pictures_text_would_be_noticed(problem: str) -> None:
    (found,) = text_problems(HIDDEN_MISTAKES[problem])
    assert problem in found


def test_pictures_that_share_a_page_share_no_id() -> None:
    every = [each for path in PICTURES for each in ids_in(path.read_text(encoding="utf-8"))]
    assert len(every) >= 2 * len(PICTURES)
    assert [name for name, times in Counter(every).items() if times > 1] == []


def test_the_notebooks_show_no_wide_picture() -> None:
    known = {path.name for path in PICTURES}
    shown = {
        name
        for notebook in NOTEBOOKS
        for name in re.findall(r'show_picture\(\\"([^"\\]+)', notebook.read_text(encoding="utf-8"))
    }
    assert shown and shown <= known


@pytest.mark.browser
@ALL
def test_a_picture_is_legible(picture: Path, measured: list[list[str]]) -> None:
    assert measured[PICTURES.index(picture)] == []


@pytest.mark.browser
def test_in_the_picture_of_the_layers_each_text_fits_its_box(browser: Browser) -> None:
    drawing = (FOLDER / "architecture.svg").read_text(encoding="utf-8")
    page = browser.new_page(viewport={"width": 800, "height": 1600})  # all of it is in view
    page.set_content(drawing)
    (seen,) = page.evaluate(MEASURE)
    page.close()
    assert len(seen["texts"]) > 2 * 15  # a name and a purpose for each of the modules
    assert [text["words"] for text in seen["texts"] if text["touched"]] == []


@pytest.mark.browser
@pytest.mark.parametrize("problem", VISIBLE_MISTAKES)
def test_a_mistake_in_a_drawing_would_be_noticed(problem: str, measured: list[list[str]]) -> None:
    found = measured[len(PICTURES) + list(VISIBLE_MISTAKES).index(problem)]
    assert any(problem in each for each in found)
