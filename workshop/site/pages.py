"""Find the pages of the website, their addresses, and the targets of their links."""

import posixpath
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from workshop import paths

# The groups of the menu, and the files in each. A file belongs to the first group whose pattern matches.
GROUPS = {
    "Start here": ("README.md", "docs/glossary.md"),
    "Notebooks": ("notebooks/*.ipynb",),
    "For teachers": ("docs/teaching.md", "docs/pilot.md"),
    "The steps": ("steps/*/README.md",),
    "The finished chat": ("docs/architecture.md", "docs/running.md", "docs/*.md"),
    "Decisions": ("docs/decisions/*.md",),
    "The project": ("*.md", "benchmarks/README.md"),
}
PICTURES = (".svg", ".png")
LINK = re.compile(r'(<(?:a|img)\b[^>]*?)\s(href|src)="([^"]+)"')


@dataclass(frozen=True)
class Page:
    """A page of the website. `source` is the path of its file in the repository."""

    source: str
    group: str

    @property
    def address(self) -> str:
        """Return the address of the page, relative to the top of the website."""
        folder, name = posixpath.split(self.source)
        stem = "index" if name == "README.md" else posixpath.splitext(name)[0]
        return posixpath.join(folder, f"{stem}.html")


GALLERY = Page("docs/pictures/README.md", "For teachers")  # a page without a file


def find_pages() -> list[Page]:
    """Return all pages in the order of the menu."""
    pages: dict[str, Page] = {}
    for group, patterns in GROUPS.items():
        for pattern in patterns:
            for path in sorted(paths.ROOT.glob(pattern)):
                source = path.relative_to(paths.ROOT).as_posix()
                pages.setdefault(source, Page(source, group))
        if group == GALLERY.group:
            pages[GALLERY.source] = GALLERY
    return list(pages.values())


def gallery() -> str:
    """Return a page in Markdown with all pictures of the notebooks, which an instructor can show."""
    parts = ["# All pictures", "Each notebook shows its idea in one of these pictures."]
    for path in sorted((paths.ROOT / "docs" / "pictures").glob("*.svg")):
        drawing = path.read_text("utf-8")
        title, described = (
            re.sub(r"[*_`]", r"\\\g<0>", re.findall(rf"(?s)<{tag}[^>]*>(.*?)</{tag}>", drawing)[0])
            for tag in ("title", "desc")
        )
        parts += [f"## {title}", described, f"![{title}]({path.name})"]
    return "\n\n".join(parts)


class Links:
    """Changes the links on all pages, and collects the pictures that the website needs."""

    def __init__(self, pages: list[Page], repository: str) -> None:
        self.pages = {page.source: page for page in pages}
        self.repository = repository
        self.pictures: set[str] = set()

    def rewritten(self, markup: str, page: Page) -> str:
        """Return the HTML of a page with links that work on the website."""

        def link(found: re.Match[str]) -> str:
            target = self.target(found[3], page)
            return f'{found[1]} {found[2]}="{target}"' if target else found[1]

        return LINK.sub(link, markup)

    def target(self, url: str, page: Page) -> str:
        """Return the target of a link on the website: another page, a picture, or a file on GitHub.

        For a file on GitHub, return "" if the repository is unknown. Raises LookupError for a file that
        does not exist.
        """
        if urlsplit(url).scheme or url.startswith("#"):
            return url
        path, hash_sign, anchor = url.partition("#")
        source = posixpath.normpath(posixpath.join(posixpath.dirname(page.source), unquote(path)))
        found = self.pages.get(source) or self.pages.get(f"{source}/README.md")
        if found:
            return relative(found.address, page) + hash_sign + anchor
        if not (paths.ROOT / source).exists():
            raise LookupError(f"{page.source} links to {url}, and there is no {source}.")
        if source.endswith(PICTURES):
            self.pictures.add(source)
            return relative(source, page)
        return f"https://github.com/{self.repository}/blob/HEAD/{source}" if self.repository else ""


def relative(address: str, page: Page) -> str:
    """Return the link from a page to an address that is relative to the top of the website."""
    return posixpath.relpath(address, posixpath.dirname(page.address) or ".")
