"""The website: all its links work, it needs no other host and no script, and no picture is stale."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from workshop import paths, site
from workshop.site import live, pages, writer
from workshop.site.notebook import notebook_body

LOADING = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "srcset"}


class Seen(HTMLParser):
    """The content of a page: its IDs, its links, and the files that a browser loads for it."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: set[str] = set()
        self.feed(markup)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.tags.add(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" and "href" in found else []
        self.loaded += [found[LOADING[tag]]] if LOADING.get(tag, "") in found else []


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    site.build(folder)
    return folder


@pytest.fixture(scope="module")
def seen(built: Path) -> dict[str, Seen]:
    """Return the content of each page, by its address."""
    return {
        path.relative_to(built).as_posix(): Seen(path.read_text("utf-8"))
        for path in built.rglob("*.html")
    }


def broken_links(folder: Path, seen: dict[str, Seen]) -> list[str]:
    """Return each link inside the website whose target, or whose heading, does not exist."""
    broken = []
    for address, page in seen.items():
        for url in [*page.links, *page.loaded]:
            parts = urlsplit(url)
            if parts.scheme:
                continue
            here = folder / address
            target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
            of_target = seen.get(target.relative_to(folder).as_posix())
            has_anchor = not parts.fragment or (of_target and parts.fragment in of_target.ids)
            if not target.is_file() or not has_anchor:
                broken.append(f"{address}: {url}")
    return broken


def test_every_link_and_anchor_works(built: Path, seen: dict[str, Seen]) -> None:
    assert sum(len(page.links) for page in seen.values()) > 1000
    assert broken_links(built, seen) == []
    bad = Seen('<a href="index.html#nothing">1</a><a href="nowhere.html">2</a><img src="no.png">')
    assert len(broken_links(built, seen | {"bad.html": bad})) == 3


def test_an_id_is_on_a_page_only_once(seen: dict[str, Seen]) -> None:
    for address, page in seen.items():
        twice = {name for name in page.ids if page.ids.count(name) > 1}
        assert not twice, f"{address}: {twice}"


def test_no_page_needs_another_host_and_only_the_search_a_script(seen: dict[str, Seen]) -> None:
    for address, page in seen.items():
        assert [url for url in page.loaded if urlsplit(url).netloc] == [], address
        assert ("script" in page.tags) == (address == "search.html"), address
        assert not page.tags & {"iframe", "object", "embed"}, address


def test_the_files_beside_the_pages_name_no_host(built: Path) -> None:
    for name in ("style.css", "search.js"):
        assert not re.search(r"(https?:)?//[\w-]+\.\w", (built / name).read_text("utf-8")), name


def test_each_notebook_and_each_document_has_a_page(built: Path) -> None:
    for source in (*paths.NOTEBOOKS.glob("*.ipynb"), *(paths.ROOT / "docs").rglob("*.md")):
        address = source.relative_to(paths.ROOT).with_suffix(".html")
        assert (built / address).is_file()


def test_a_notebook_shows_its_cells_and_their_outputs(built: Path) -> None:
    page = (built / "notebooks" / "05_broadcast.html").read_text("utf-8")
    cells = json.loads((paths.NOTEBOOKS / "05_broadcast.ipynb").read_text("utf-8"))["cells"]
    assert page.count('<div class="cell">') == sum(c["cell_type"] == "code" for c in cells)
    assert page.count('<div class="output">') == sum(len(c.get("outputs", [])) for c in cells)
    assert "<summary>Answer</summary>" in page and 'id="broadcast-title"' in page


def test_notebooks_have_neighbours_and_a_table_of_contents(built: Path) -> None:
    page = (built / "notebooks" / "05_broadcast.html").read_text("utf-8")
    assert re.search(r'rel="prev" href="[^"]*04_socketio.html"', page)
    assert re.search(r'rel="next" href="[^"]*06_refusals.html"', page)
    assert re.search(r'<li class="level-2"><a href="#modify-', page)


def live_pages(notebook: Path) -> list[Path]:
    """Return the path of the picture that each live page of a notebook must have."""
    return [
        live.picture_of(notebook, cell["id"], number)
        for cell in json.loads(notebook.read_text("utf-8"))["cells"]
        for number in range(1, json.dumps(cell.get("outputs", [])).count(live.PLACE) + 1)
    ]


def test_each_live_page_has_a_picture_of_today_and_no_picture_is_left_over() -> None:
    wanted = {path: each for each in paths.NOTEBOOKS.glob("*.ipynb") for path in live_pages(each)}
    assert len(wanted) > 20
    stale = [path.name for path, each in wanted.items() if not live.is_current(path, each)]
    assert not stale, f"run `python docs/pictures/live.py`, and look at the pictures: {stale}"
    assert set(live.FOLDER.glob("*")) == set(wanted)


def test_a_stale_picture_is_not_shown(tmp_path: Path) -> None:
    name = "05_broadcast.ipynb"
    shutil.copy(paths.NOTEBOOKS / name, tmp_path)
    assert notebook_body(tmp_path / name, writer.Writer()).count('class="live"') == 2
    text = (tmp_path / name).read_text("utf-8")
    (tmp_path / name).write_text(text.replace("side_by_side(chat", "side_by_side( chat"), "utf-8")
    body = notebook_body(tmp_path / name, writer.Writer())
    assert 'class="live"' not in body and body.count('class="no-picture"') == 2


def test_a_link_to_a_file_that_is_no_page_leads_to_github_if_that_is_known() -> None:
    readme = pages.Page("README.md", "")
    markup = '<a href="LICENSE">Licence</a> <a href="docs/wire.md#the-way-in">in</a>'
    known = pages.Links(pages.find_pages(), "ada/chat").rewritten(markup, readme)
    assert '<a href="https://github.com/ada/chat/blob/HEAD/LICENSE">' in known
    unknown = pages.Links(pages.find_pages(), "").rewritten(markup, readme)
    assert unknown == '<a>Licence</a> <a href="docs/wire.html#the-way-in">in</a>'


def test_only_long_code_can_be_split_between_lines() -> None:
    long = "tests/faults/test_lock.py::test_others_go_on"
    markup = writer.Writer().markdown(f"`{long}` and `a_short/name`")
    parts = ("tests/", "faults/", "test_", "lock.py::", "test_", "others_", "go_", "on")
    assert markup == f"<p><code>{'<wbr>'.join(parts)}</code> and <code>a_short/name</code></p>\n"


def test_a_link_to_nothing_stops_the_build() -> None:
    links = pages.Links(pages.find_pages(), "")
    with pytest.raises(LookupError, match=r"docs/wire.md links to gone.md, .* no docs/gone.md"):
        links.target("gone.md", pages.Page("docs/wire.md", ""))


def test_the_buttons_need_the_name_of_the_repository(built: Path, tmp_path: Path) -> None:
    links = ("https://codespaces.new/ada/chat", "https://mybinder.org/v2/gh/ada/chat/HEAD?urlpath=")
    site.build(tmp_path, "ada/chat")
    for name in ("index.html", "notebooks/05_broadcast.html"):
        assert [link in (tmp_path / name).read_text("utf-8") for link in links] == [True, True]
        assert 'class="button"' not in (built / name).read_text("utf-8")


@pytest.mark.parametrize(
    ("code", "language"),
    [("emit('a', b)\n", "python"), ("python3 start.py test\n", "text"), ("<p>{{ a }}</p>", "html")],
)
def test_the_language_of_a_block_is_guessed(code: str, language: str) -> None:
    assert writer.guess_language(code) == language
