"""The results of the benchmarks: a median with its quartiles, as numbers and as bars."""

import statistics
from collections.abc import Mapping

COLOURS = "#c9dbf8", "#6f9ae0", "#1f4fa3"
LEFT, TOP, WIDTH, BAR = 210, 46, 420, 15  # pixels


def spread(values: list[float]) -> tuple[float, float, float]:
    """Return the median and the quartiles around it."""
    low, middle, high = statistics.quantiles(values, n=4)
    return middle, low, high


def picture(times: dict[str, dict[int, list[float]]], title: str) -> str:
    """Draw a bar for each median, with its quartiles, as SVG; `times` by question, then by size."""
    sizes = list(next(iter(times.values())))
    values = {
        name: {str(size): spread(measured) for size, measured in by_size.items()}
        for name, by_size in times.items()
    }
    legend = ", ".join(f"{size:,}" for size in sizes)
    note = f"{legend} messages, from light to dark; the line spans the quartiles"
    colours = dict(zip(map(str, sizes), COLOURS[-len(sizes) :], strict=True))
    return draw(values, title, note, colours)


def draw(
    values: Mapping[str, Mapping[str, tuple[float, float, float]]], title: str, note: str,
    colours: dict[str, str], *, key: str = "",
) -> str:  # fmt: skip
    """Draw a bar for each middle value, with a line from the low value to the high one, as SVG.

    `values` are by row, then by the name of a colour. `key` is SVG that explains the colours.
    """
    scale = WIDTH / max(high for by_name in values.values() for _, _, high in by_name.values())
    height = TOP + sum(BAR * len(by_name) + 10 for by_name in values.values()) + 20
    width = LEFT + WIDTH + 90
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{title}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="10" y="18" font-size="14">{title}: {note}</text>',
        *([key] if key else []),
    ]
    y = TOP
    for row, by_name in values.items():
        middle_of_row = y + BAR * len(by_name) / 2 + 3
        parts.append(f'<text x="{LEFT - 8}" y="{middle_of_row}" text-anchor="end">{row}</text>')
        for bar, (name, value) in enumerate(by_name.items()):
            parts += _bar(y + bar * BAR, colours[name], value, scale)
        y += BAR * len(by_name) + 10
    return "\n".join([*parts, "</svg>", ""])


def key(colours: dict[str, str]) -> str:
    """Return a line that explains the colours, for `draw`."""
    parts = []
    for place, (name, colour) in enumerate(colours.items()):
        x = LEFT + place * 84
        parts += [
            f'<rect x="{x}" y="{TOP - 18}" width="10" height="10" fill="{colour}"/>',
            f'<text x="{x + 14}" y="{TOP - 9}">{name}</text>',
        ]
    return "\n".join(parts)


def _bar(y: int, colour: str, value: tuple[float, float, float], scale: float) -> list[str]:
    middle, low, high = (each * scale for each in value)
    return [
        f'<rect x="{LEFT}" y="{y}" width="{middle:.1f}" height="12" fill="{colour}"/>',
        f'<path d="M{LEFT + low:.1f} {y + 6}H{LEFT + high:.1f}" stroke="#000000"/>',
        f'<text x="{LEFT + high + 6:.1f}" y="{y + 10}">{middle / scale:.2f}</text>',
    ]
