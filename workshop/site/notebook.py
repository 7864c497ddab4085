"""Convert a notebook to HTML: its text, its code and its stored outputs."""

import html
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from workshop.site.live import PLACE, still
from workshop.site.writer import Writer, pre, with_full_headings

BOX = 'style="overflow-x: auto"'  # marks a part of an output that can scroll sideways
ESCAPE = re.compile(r"\x1b\[[\d;]*m")  # the codes for colours in a terminal


def notebook_body(path: Path, writer: Writer) -> str:
    """Return the cells of a notebook as HTML."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return "".join(part for cell in cells for part in _cell(path, cell, writer))


def _cell(path: Path, cell: dict[str, Any], writer: Writer) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield writer.markdown(source)
    elif cell["cell_type"] == "code":
        yield f'<div class="cell">{writer.code(source, "python")}'
        for output in _stills(path, cell, map(_output, cell["outputs"])):
            yield f'<div class="output">{output}</div>'
        yield "</div>\n"


def _output(output: dict[str, Any]) -> str:
    """Return the HTML of one output, or its text if it has no HTML."""
    data = output.get("data", {})
    if markup := "".join(data.get("text/html", "")):
        return with_full_headings(markup).replace(BOX, f'{BOX} tabindex="0"')
    lines = data.get("text/plain") or output.get("text") or output.get("traceback", [])
    return pre(html.escape(ESCAPE.sub("", "".join(lines))))


def _stills(path: Path, cell: dict[str, Any], outputs: Iterable[str]) -> Iterator[str]:
    """Yield the outputs of a cell, with a picture in place of each live page."""
    number = 0
    for output in outputs:
        before, *others = output.split(PLACE)
        yield before + "".join(
            still(path, cell["id"], number := number + 1) + after for after in others
        )
