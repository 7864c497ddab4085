"""Draw the layers of final_app, from pyproject.toml and from the imports.

    python docs/pictures/architecture.py      architecture.svg, beside this file, and the table in
                                              docs/architecture.md

Needs only the standard library. `tests/repo/test_architecture.py` checks that both are current.
"""

import ast
import functools
import tomllib
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHAT = ROOT / "final_app"
PYPROJECT = ROOT / "pyproject.toml"
PICTURE = HERE / "architecture.svg"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- layers: made by `python docs/pictures/architecture.py` -->"
END = "<!-- end of layers -->"

# A heading, the first module below it, and two colours: of the boxes, and of the lines to them.
GROUPS = [
    ("The edges", "__main__", "#eceefc", "#4353c9"),
    ("Shared by the edges", "auth", "#fff4d6", "#8a5a00"),
    ("The domain", "accounts", "#e2f4ea", "#12714a"),
    ("Storage", "storage", "#fdecea", "#b3261e"),
    ("Foundations", "wire", "#ecedf3", "#555b70"),
]

MARGIN = 18  # pixels, as all numbers below
BOX_WIDTH, BOX_HEIGHT = 380, 44
BETWEEN_LAYERS, WITHIN_LAYER, HEADING = 8, 1, 28
FIRST_LANE, LANE = MARGIN + BOX_WIDTH + 18, 13
TOP = 104
ARRIVE, LEAVE = 13, 31  # where lines reach a box and where they leave it, below its top

HOW_TO_READ = (
    "A dot means that the box in its row imports another one.",
    "Follow the line from the dot down to the arrow.",
    "Boxes that touch share a layer and do not import each other.",
)


def main() -> None:
    PICTURE.write_text(picture(layers(), imports()), encoding="utf-8", newline="\n")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(renewed(page), encoding="utf-8", newline="\n")
    print(f"{PICTURE}\n{PAGE}")


def layers() -> list[list[str]]:
    """Return the layers from top to bottom, each with its modules."""
    (contract,) = [
        each for each in _tools()["importlinter"]["contracts"] if each["name"] == "Layers"
    ]
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def purposes() -> dict[str, str]:
    """Return what each module does, in a few words, in the order of the layers."""
    found: dict[str, str] = _tools()["workshop"]["purposes"]
    return found


@functools.cache
def _tools() -> dict[str, Any]:
    told: dict[str, Any] = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]
    return told


def imports(folder: Path = CHAT) -> dict[str, set[str]]:
    """Return what each module or package in a package imports from the others there."""
    places = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        own = path.relative_to(folder).parts[0].removesuffix(".py")
        if own != "__init__":
            found.setdefault(own, set()).update(_imported(path, folder.name) & places - {own})
    return found


def table() -> str:
    """Return the layers as a Markdown table: the picture in words."""
    used = imports()
    rows = ["| Layer | What it does | What it imports |", "| --- | --- | --- |"]
    for layer in layers():
        for name in layer:
            others = [f"`{label(each)}`" for each in _in_order(used[name])] or ["–"]
            rows.append(f"| `{label(name)}` | {purposes()[name]} | {', '.join(others)} |")
    return "\n".join(rows)


def renewed(page: str) -> str:
    """Return docs/architecture.md with the table that belongs to the current code."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    if not after:
        raise ValueError(f"Expected the lines {BEGIN} and {END} in {PAGE.name}.")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def picture(all_layers: list[list[str]], used: dict[str, set[str]]) -> str:
    """Return the SVG. Raises ValueError for a module whose purpose pyproject.toml does not tell."""
    names = [name for layer in all_layers for name in layer]
    if unknown := sorted(set(names) ^ set(purposes())):
        raise ValueError(f"The purposes and the contract “Layers” differ in {', '.join(unknown)}.")
    tops, headings, height = _places(all_layers)
    targets = [name for name in names if any(name in others for others in used.values())]
    lanes = {name: FIRST_LANE + LANE * place for place, name in enumerate(targets)}
    width = max(lanes.values()) + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="system-ui, sans-serif" role="img" '
        'aria-labelledby="title text">',
        '<title id="title">The layers of final_app</title>',
        f'<desc id="text">{escape(_in_words(all_layers, used))}</desc>',
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="12" fill="#ffffff" '
        'stroke="#c9ccd8"/>',
        _text(MARGIN, 34, "The layers of final_app", 'font-size="19" font-weight="700"'),
        *(
            _text(MARGIN, 58 + 19 * row, line, 'font-size="14"')
            for row, line in enumerate(HOW_TO_READ)
        ),
        *(_text(MARGIN, y, words, 'font-size="14" font-weight="600"') for words, y in headings),
    ]
    parts += [line for name in names for line in _leaving(name, used, tops, lanes)]
    parts += [line for name in targets for line in _lane(name, used, tops, lanes[name])]
    parts += [line for name in names for line in _box(name, tops[name])]
    return "\n".join([*parts, "</svg>", ""])


def label(name: str) -> str:
    """Return a package as `chat/` and a module as `auth.py`."""
    return f"{name}/" if (CHAT / name).is_dir() else f"{name}.py"


def _imported(path: Path, package: str) -> set[str]:
    """Return the names directly below the package that a file imports, even inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        ways = [module.split(".") for module in modules]
        found |= {way[1] for way in ways if way[0] == package and len(way) > 1}
    return found


def _places(all_layers: list[list[str]]) -> tuple[dict[str, int], list[tuple[str, int]], int]:
    """Return the top of each box, each heading with its baseline, and the height of the picture."""
    tops, headings, y = {}, [], TOP
    starts = {first: words for words, first, *_ in GROUPS}
    for layer in all_layers:
        y += BETWEEN_LAYERS
        for name in layer:
            if name in starts:
                y += HEADING - BETWEEN_LAYERS
                headings.append((starts[name], y - 7))
            tops[name] = y
            y += BOX_HEIGHT + WITHIN_LAYER
        y -= WITHIN_LAYER
    return tops, headings, y + MARGIN


def _colours(name: str) -> tuple[str, str]:
    """Return the colour of a box, and that of the lines to it."""
    names = list(purposes())
    starts = [names.index(first) for _, first, *_ in GROUPS] + [len(names)]
    place = names.index(name)
    group = next(n for n, (low, high) in enumerate(pairwise(starts)) if low <= place < high)
    return GROUPS[group][2], GROUPS[group][3]


def _leaving(
    name: str, used: dict[str, set[str]], tops: dict[str, int], lanes: dict[str, int]
) -> list[str]:
    """Draw the line from a box to the last of the lanes that it uses."""
    if not used[name]:
        return []
    y, end = tops[name] + LEAVE, max(lanes[other] for other in used[name])
    return [f'<path d="M{MARGIN + BOX_WIDTH} {y}H{end}" stroke="#c9ccd8"/>']


def _lane(name: str, used: dict[str, set[str]], tops: dict[str, int], x: int) -> list[str]:
    """Draw the line from the uppermost box that imports a module down to the module."""
    users = [user for user in tops if name in used[user]]
    colour, end, tip = _colours(name)[1], tops[name] + ARRIVE, MARGIN + BOX_WIDTH + 2
    start = tops[users[0]] + LEAVE
    dots = [f'<circle cx="{x}" cy="{tops[user] + LEAVE}" r="4" fill="{colour}"/>' for user in users]
    return [
        f'<path d="M{x} {start}V{end}H{tip}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
        f'<path d="M{tip} {end}l7 -4v8z" fill="{colour}"/>',
        *dots,
    ]


def _box(name: str, y: int) -> list[str]:
    fill, edge = _colours(name)
    monospace = 'font-family="ui-monospace, monospace" font-size="15" font-weight="700"'
    return [
        f'<rect x="{MARGIN}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" fill="{fill}" '
        f'stroke="{edge}"/>',
        _text(MARGIN + 12, y + 18, label(name), monospace),
        _text(MARGIN + 12, y + 36, purposes()[name], 'font-size="14"'),
    ]


def _text(x: int, y: int, words: str, style: str) -> str:
    return f'<text x="{x}" y="{y}" fill="#1b1e2b" {style}>{escape(words, quote=False)}</text>'


def _in_words(all_layers: list[list[str]], used: dict[str, set[str]]) -> str:
    """Return the content of the picture as sentences."""
    sentences = [
        f"{label(name)} imports {', '.join(map(label, _in_order(used[name], all_layers)))}."
        if used[name]
        else f"{label(name)} imports none of the others."
        for layer in all_layers
        for name in layer
    ]
    return f"The layers, from top to bottom. {' '.join(sentences)}"


def _in_order(names: set[str], all_layers: list[list[str]] | None = None) -> list[str]:
    """Return names in the order of the layers."""
    order = [name for layer in all_layers or layers() for name in layer]
    return sorted(names, key=order.index)


if __name__ == "__main__":
    main()
