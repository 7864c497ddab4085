"""Pictures of a notebook's live pages, for readers who do not run the notebook.

`docs/pictures/live.py` takes these pictures. Each picture contains a digest of the files that it was
made from, so that the website never shows an outdated picture.
"""

import hashlib
import html
import json
from pathlib import Path

from PIL import Image

from workshop import paths

PLACE = "(a live page: run this cell to see it)"  # what notebooks/sanitize.cfg stores for a page
FOLDER = paths.ROOT / "docs" / "pictures" / "live"
MADE_FROM, SHOWS = "made from", "Description"  # keywords in the PNG
SHARPNESS = 2  # device pixels per CSS pixel
NO_PICTURE = (
    '<p class="no-picture">When the notebook runs, it shows a page of the chat here. To see it, '
    "start the "
    "workshop with <code>python3 start.py</code> and run this cell.</p>"
)


def still(notebook: Path, cell: str, number: int) -> str:
    """Return the picture of a cell's live page as HTML, or a text that explains how to see the page."""
    path = picture_of(notebook, cell, number)
    if not is_current(path, notebook):
        return NO_PICTURE
    with Image.open(path) as picture:
        width, height = (pixels // SHARPNESS for pixels in picture.size)
        described = html.escape(f"A picture of the page. It shows: {picture.info[SHOWS]}")
    return (
        f'<img class="live" src="../docs/pictures/live/{path.name}" alt="{described}" '
        f'width="{width}" height="{height}" loading="lazy">'
    )


def picture_of(notebook: Path, cell: str, number: int) -> Path:
    """Return the path of the picture of a cell's live page. `number` counts these pages from 1."""
    return FOLDER / f"{notebook.stem}-{cell}-{number}.png"


def is_current(path: Path, notebook: Path) -> bool:
    """Return whether there is a picture that shows the current version of the page."""
    if not path.is_file():
        return False
    with Image.open(path) as picture:
        return picture.info.get(MADE_FROM) == made_from(notebook)


def made_from(notebook: Path) -> str:
    """Return a digest of the files behind a notebook's pictures: its code and its step's pages."""
    digest = hashlib.sha256()
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            digest.update("".join(cell["source"]).encode())
    for folder in ("templates", "static"):
        for file in sorted((paths.STEPS / notebook.stem / folder).glob("*")):
            digest.update(file.read_text("utf-8").encode())  # with any kind of line ending
    return digest.hexdigest()
