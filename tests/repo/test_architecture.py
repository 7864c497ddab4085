"""docs/architecture.md and the decision records name only existing code, and the picture is current.

On these pages, `chat/messages.py::post` is a function in a file, and
`storage/outbox.py::Outbox.add` is a method. A path is relative to final_app or to the top of the
repository.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.pictures import architecture as drawing
from workshop import paths

NAMED = re.compile(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|js|md|toml))(?:::([\w.#]+))?`")
LINK = re.compile(r"\]\(([^)#:]+)\)")
STOP = re.compile(r"^\d+\. .*(?:\n +.*)*", re.MULTILINE)
JOURNEYS = ("A message", "An upload", "A login", "A reconnection")
LEAST_STOPS = 5

DOCS = paths.ROOT / "docs"
PAGES = [DOCS / "architecture.md", *sorted((DOCS / "decisions").glob("*.md"))]


def missing(text: str) -> list[str]:
    """Return the files and names in a text that do not exist."""
    return [
        f"{file}::{name}" if name else file
        for file, name in NAMED.findall(text)
        if not exists(file, name)
    ]


def exists(file: str, name: str) -> bool:
    """Return whether a file exists and, if a name is given, defines this name."""
    places = [folder / file for folder in (drawing.CHAT, paths.ROOT)]
    path = next((place for place in places if place.is_file()), None)
    return path is not None and (not name or name in names_in(path))


def names_in(path: Path) -> set[str]:
    """Return a file's functions, classes and constants, and the members of its classes."""
    text = path.read_text(encoding="utf-8")
    return set(names_in_script(text) if path.suffix == ".js" else names_in_python(ast.parse(text)))


def names_in_python(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from names_in_python(node, f"{node.name}.")
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found = (each for target in targets for each in ast.walk(target))
            yield from (prefix + each.id for each in found if isinstance(each, ast.Name))


def names_in_script(text: str) -> Iterator[str]:
    """Yield the names in a script with an indentation of two spaces.

    A class ends with `}` alone in a line.
    """
    inside = ""
    for line in text.splitlines():
        if top := re.match(r"(?:export )?(?:async )?(?:function|class|const|let) (\w+)", line):
            inside = top[1] if line.endswith("{") else ""
            yield top[1]
        elif line.startswith("}"):
            inside = ""
        elif inside and (member := re.match(r"  (?:async |get |static )*(#?\w+)(?:\(| =|:)", line)):
            yield f"{inside}.{member[1]}"


def journeys(page: str) -> dict[str, list[str]]:
    """Return the stops of each journey."""
    section = page.partition("\n## Four journeys\n")[2].partition("\n## ")[0]
    titled = [part.partition("\n") for part in section.split("\n### ")[1:]]
    return {title: STOP.findall(text) for title, _, text in titled}


def nowhere(stops: list[str]) -> list[str]:
    """Return the stops that name no function in a file."""
    return [stop for stop in stops if not any(name for _, name in NAMED.findall(stop))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_function_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert missing(text) == []
    assert len(NAMED.findall(text)) >= (100 if page.name == "architecture.md" else 3)


@pytest.mark.parametrize(
    "named",
    [
        "chat/messages.py::publish",
        "chat/letters.py::post",
        "chat/letters.py",
        "storage/outbox.py::Outbox.publish",
        "static/js/core/outbox.js::Outbox.publish",
        "static/js/core/outbox.js::Outbox.if",
        "static/js/main.js::Outbox.add",
        "tests/nowhere.py",
    ],
)
def test_a_name_that_does_not_exist_is_noticed(named: str) -> None:
    assert missing(f"It is in `{named}`.") == [named]


@pytest.mark.parametrize(
    "named",
    [
        "chat/messages.py::post",
        "storage/outbox.py::Outbox.add",
        "config.py::Settings.limit_logins",
        "accounts/passwords.py::MOST",
        "final_app/__init__.py::create_app",
        "static/js/core/outbox.js::Outbox.#sendAll",
        "static/js/core/http.js::Http.get",
        "static/js/main.js::events.new_message",
        "tests/repo/test_architecture.py",
    ],
)
def test_a_name_that_exists_is_found(named: str) -> None:
    assert missing(f"It is in `{named}`.") == []


def test_each_journey_has_its_stops_and_each_stop_names_a_function() -> None:
    told = journeys(PAGES[0].read_text(encoding="utf-8"))
    assert tuple(told) == JOURNEYS
    assert {title: len(stops) for title, stops in told.items() if len(stops) < LEAST_STOPS} == {}
    assert [stop for stops in told.values() for stop in nowhere(stops)] == []


def test_each_journey_names_the_commit_the_fact_and_who_tells_the_sockets() -> None:
    for title, stops in journeys(PAGES[0].read_text(encoding="utf-8")).items():
        text = " ".join(stops)
        assert "transaction" in text and "fact" in text and "socket" in text, title


def test_a_short_journey_and_a_stop_without_a_function_are_noticed() -> None:
    """The negative twin."""
    stops_of_a_walk = "1. Up `auth.py::require_user`,\n   on.\n2. Down `auth.py`.\n"
    page = f"\n## Four journeys\n\n### A walk\n\n{stops_of_a_walk}\n## Glossary\n\n1. No stop.\n"
    (stops,) = journeys(page).values()
    assert len(stops) == 2 < LEAST_STOPS
    assert nowhere(stops) == stops[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).is_file()] == []


def test_the_page_links_to_every_decision() -> None:
    links = LINK.findall(PAGES[0].read_text(encoding="utf-8"))
    decisions = [page.relative_to(DOCS).as_posix() for page in PAGES[1:]]
    assert len(decisions) >= 5
    assert [link for link in links if link.startswith("decisions/")] == decisions


def test_a_decision_has_its_context_and_its_consequences() -> None:
    for page in PAGES[1:]:
        headings = re.findall(r"(?m)^## (.*)", page.read_text(encoding="utf-8"))
        assert headings == ["Context", "Decision", "Consequences"], page.name


def test_the_picture_and_the_table_show_the_code_of_today() -> None:
    again = "run `python docs/pictures/architecture.py`, and look at the picture"
    picture = drawing.picture(drawing.layers(), drawing.imports())
    assert drawing.PICTURE.read_text(encoding="utf-8") == picture, again
    page = PAGES[0].read_text(encoding="utf-8")
    assert page == drawing.renewed(page), again


def test_the_picture_can_be_read_anywhere_and_by_everybody() -> None:
    picture = drawing.PICTURE.read_text(encoding="utf-8")
    assert re.search(r'<rect x="0.5" y="0.5" [^>]*fill="#ffffff"', picture)  # an opaque card
    assert "<title " in picture and "chat/ imports storage/, " in picture
    assert not re.search(r"href|url\(|<script|<image|@import", picture)


def test_a_new_import_and_a_moved_layer_would_make_the_picture_stale() -> None:
    """The negative twin."""
    layers, imports = drawing.layers(), drawing.imports()
    assert len(layers) >= 10 and imports["chat"] >= {"storage", "facts"}
    now = drawing.picture(layers, imports)
    assert drawing.picture(layers, imports | {"wire": {"lib", "config"}}) != now
    assert drawing.picture([*layers[:1], layers[2], layers[1], *layers[3:]], imports) != now


def test_a_module_that_the_picture_does_not_explain_is_named() -> None:
    with pytest.raises(ValueError, match="differ in payments"):
        drawing.picture([["payments"], *drawing.layers()], drawing.imports() | {"payments": set()})


def test_imports_are_found_wherever_they_are(tmp_path: Path) -> None:
    app = tmp_path / "app"
    (app / "web").mkdir(parents=True)
    for name in ("auth", "config", "errors", "facts"):
        (app / f"{name}.py").write_text("import os\n", encoding="utf-8")
    (app / "web" / "pages.py").write_text(
        "import app.auth\nfrom app import config\nfrom app.web import api\n\n\n"
        "def page():\n    from app.errors import ChatError\n",
        encoding="utf-8",
    )
    assert drawing.imports(app)["web"] == {"auth", "config", "errors"}
