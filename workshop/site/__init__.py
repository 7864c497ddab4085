"""The workshop as a website: the notebooks with their outputs, the documentation, and a search box.

The pages are plain HTML, and you can open them from the disk, because they need no network. Only the
search box needs a script. `docs/decisions/0008-the-site.md` explains why the workshop builds the pages
itself.
"""

import json
import posixpath
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from workshop import paths
from workshop.site.notebook import notebook_body
from workshop.site.pages import GALLERY, Links, Page, find_pages, gallery
from workshop.site.writer import Section, Writer

HERE = Path(__file__).parent
OUTPUT = paths.ROOT / "build" / "site"
ICON = paths.ROOT / "final_app" / "static" / "icon.svg"
SEARCH = Page("search.md", "")
COPIED = (HERE / "style.css", HERE / "search.js", ICON)


@dataclass(frozen=True)
class Written:
    """A page whose content is ready, and its sections. The first section has the title of the page."""

    page: Page
    body: str
    sections: list[Section]

    @property
    def title(self) -> str:
        return self.sections[0].title


def build(to: Path = OUTPUT, repository: str = "") -> list[Page]:
    """Write the website into the folder `to`, replacing the folder's content. Return the pages.

    `repository` is the owner and name on GitHub, for Binder, Codespaces and links to the code.
    Raises LookupError for a broken link.
    """
    pages = find_pages()
    links = Links(pages, repository)
    written = [write(page, links) for page in pages]
    shutil.rmtree(to, ignore_errors=True)
    for source in links.pictures:
        (to / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(paths.ROOT / source, to / source)
    for file in COPIED:
        shutil.copyfile(file, to / file.name)
    index = json.dumps(search_index(written), ensure_ascii=False, separators=(",", ":"))
    (to / "search-index.js").write_text(f"const INDEX = {index};\n", "utf-8", newline="\n")
    lay_out(to, written, repository)
    return pages


def write(page: Page, links: Links) -> Written:
    """Return a page with its content as HTML."""
    writer = Writer()
    source = paths.ROOT / page.source
    if page.source.endswith(".ipynb"):
        body = notebook_body(source, writer)
    else:
        body = writer.markdown(gallery() if page == GALLERY else source.read_text("utf-8"))
    if not writer.sections:
        raise LookupError(f"{page.source} has no heading, but every page needs one for its title.")
    return Written(page, links.rewritten(body, page), writer.sections)


def search_index(written: list[Written]) -> list[dict[str, str]]:
    """Return the address, the title, the page (with its group) and the text of each section."""
    return [
        {
            "address": f"{each.page.address}#{section.anchor}",
            "title": section.title,
            "page": f"{each.page.group}: {each.title}",
            "text": " ".join(" ".join(section.text).split()),
        }
        for each in written
        for section in each.sections
    ]


def lay_out(to: Path, written: list[Written], repository: str) -> None:
    """Write each page with the template, which adds a menu, buttons, and links to the next pages."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    template = environment.get_template("page.html")
    with (paths.ROOT / "pyproject.toml").open("rb") as file:
        about = tomllib.load(file)["project"]["description"]
    menu: dict[str, list[Written]] = {}
    for each in written:
        menu.setdefault(each.page.group, []).append(each)
    search = Written(SEARCH, "", [Section(1, "Search", "search")])
    for each in [*written, search]:
        siblings = menu.get(each.page.group, [each])
        place = siblings.index(each)
        text = template.render(
            now=each,
            body=Markup(each.body),  # comes from files in this repository
            menu=menu,
            before=siblings[place - 1] if place else None,
            after=siblings[place + 1] if place + 1 < len(siblings) else None,
            root=posixpath.relpath(".", posixpath.dirname(each.page.address) or "."),
            is_notebook=each.page.source.endswith(".ipynb"),
            is_search=each is search,
            repository=repository,
            about=about,
        )
        path = to / each.page.address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")
