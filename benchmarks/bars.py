"""What the benchmarks show: a median with the quartiles around it, as numbers and as bars."""

import statistics

COLOURS = "#c9dbf8", "#6f9ae0", "#1f4fa3"
LEFT, TOP, WIDTH, BAR = 210, 46, 420, 15  # pixels


def spread(values: list[float]) -> tuple[float, float, float]:
    """Return the median and the quartiles around it."""
    low, middle, high = statistics.quantiles(values, n=4)
    return middle, low, high


def picture(times: dict[str, dict[int, list[float]]], title: str) -> str:
    """Draw a bar for each median, with its quartiles, as SVG; `times` by question, then by size."""
    sizes = list(next(iter(times.values())))
    colours = COLOURS[-len(sizes) :]
    row = BAR * len(sizes) + 10
    scale = WIDTH / max(
        spread(values)[2] for by_size in times.values() for values in by_size.values()
    )
    height, width = TOP + row * len(times) + 20, LEFT + WIDTH + 90
    legend = ", ".join(f"{size:,}" for size in sizes)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{title}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="10" y="18" font-size="14">{title}: {legend} messages, from light to dark; '
        "the line spans the quartiles</text>",
    ]
    for place, (name, by_size) in enumerate(times.items()):
        y = TOP + place * row
        middle_of_row = y + BAR * len(sizes) / 2 + 3
        parts.append(f'<text x="{LEFT - 8}" y="{middle_of_row}" text-anchor="end">{name}</text>')
        for offset, (size, colour) in enumerate(zip(sizes, colours, strict=True)):
            middle, low, high = (value * scale for value in spread(by_size[size]))
            bar = y + offset * BAR
            parts += [
                f'<rect x="{LEFT}" y="{bar}" width="{middle:.1f}" height="12" fill="{colour}"/>',
                f'<path d="M{LEFT + low:.1f} {bar + 6}H{LEFT + high:.1f}" stroke="#000000"/>',
                f'<text x="{LEFT + high + 6:.1f}" y="{bar + 10}">{middle / scale:.2f}</text>',
            ]
    return "\n".join([*parts, "</svg>", ""])
