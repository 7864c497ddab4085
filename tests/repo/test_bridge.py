"""Every piece of the last step has a counterpart in the finished application, or a reason why not."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.final_app.rig import application
from workshop import manifest, paths
from workshop.bridge import (
    HOME,
    KINDS,
    ROUTE,
    layers,
    show_bridge,
    show_home,
    show_layers,
)

CHAT = paths.ROOT / "final_app"
LAST = manifest.steps()[-1].folder
BRIDGE: dict[str, dict[str, str]] = manifest.contents()["bridge"]
HOMES = [
    pytest.param(kind, old, home, id=f"{kind}: {old}")
    for kind in KINDS
    for old, home in BRIDGE[kind].items()
]
METHODS = {"get": "GET", "post": "POST", "route": "GET"}
SENTENCE = re.compile(r"[A-Z].* .*\.")


@cache
def modules(folder: Path) -> dict[str, ast.Module]:
    """Return the parsed Python files below a folder, by name: "app", or "chat/messages"."""
    return {
        path.relative_to(folder).with_suffix("").as_posix(): ast.parse(path.read_text("utf-8"))
        for path in folder.rglob("*.py")
    }


def functions(module: ast.Module) -> dict[str, ast.FunctionDef]:
    """Return a module's functions and methods ("Class.method"), without inner functions and __init__."""
    own = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    for owner in (node for node in module.body if isinstance(node, ast.ClassDef)):
        for node in owner.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("__"):
                own[f"{owner.name}.{node.name}"] = node
    return own


def calls(tree: ast.AST) -> list[tuple[str, str]]:
    """Return every call whose first argument is a string: (the called function, the string)."""
    return [
        (node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id, text.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name))
        for text in node.args[:1]
        if isinstance(text, ast.Constant) and isinstance(text.value, str)
    ]


def tables(module: ast.Module) -> set[str]:
    return {
        node.name
        for node in module.body
        if isinstance(node, ast.ClassDef)
        and any("__tablename__" in ast.dump(each) for each in node.body)
    }


def pieces(folder: Path) -> dict[str, set[str]]:
    """Return the pieces of a step by kind, as found in its files."""
    parsed = modules(folder)
    said = calls(parsed["app"])
    return {
        "functions": {
            f"{name}:{each}" for name, tree in parsed.items() for each in functions(tree)
        },
        "events": {text for word, text in said if word in ("on", "emit")},
        "routes": {
            f"{METHODS[word]} {text}" for word, text in said if word in METHODS if text[:1] == "/"
        },
        "tables": tables(parsed["models"]),
    }


def test_the_map_has_everything_that_is_in_the_last_step_and_nothing_else() -> None:
    found = pieces(LAST)
    assert {kind: len(names) > 4 for kind, names in found.items()} == dict.fromkeys(KINDS, True)
    assert {kind: set(BRIDGE[kind]) for kind in KINDS} == found


def test_a_piece_that_the_map_lacks_would_be_noticed(tmp_path: Path) -> None:
    """The negative twin: one more function, event, route and table."""
    for path in LAST.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    app, models = tmp_path / "app.py", tmp_path / "models.py"
    app.write_text(
        app.read_text("utf-8") + '\n@app.get("/more")\ndef more():\n    emit("more_of_it", {})\n',
        "utf-8",
    )
    models.write_text(
        models.read_text("utf-8") + '\nclass More(Base):\n    __tablename__ = "more"\n', "utf-8"
    )
    found = pieces(tmp_path)
    assert [found[kind] - set(BRIDGE[kind]) for kind in KINDS] == [
        {"app:more"},
        {"more_of_it"},
        {"GET /more"},
        {"More"},
    ]


@pytest.fixture(scope="module")
def final_app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return application(tmp_path_factory.mktemp("final_app"))


def no_home(kind: str, old: str, home: str, routes: set[str]) -> str:
    """Return the problem with a location in final_app, or "" if it exists."""
    if SENTENCE.fullmatch(home):
        return ""
    if kind == "routes":
        return "" if ROUTE.fullmatch(home) and home in routes else f"there is no route {home}"
    found = HOME.fullmatch(home)
    if not found or not (CHAT / f"{found[1]}.py").is_file():
        return f"there is no module {home}"
    module = modules(CHAT)[found[1]]
    if kind == "tables":
        return "" if found[2] in tables(module) else f"there is no table {home}"
    if found[2] not in functions(module):
        return f"there is no function {home}"
    named = {text for _, text in calls(functions(module)[found[2]])}
    return f"{home} names no event {old!r}" if kind == "events" and old not in named else ""


def rules(app: Any) -> set[str]:
    return {f"{method} {rule.rule}" for rule in app.url_map.iter_rules() for method in rule.methods}


@pytest.mark.parametrize(("kind", "old", "home"), HOMES)
def test_every_home_is_there_and_every_event_keeps_its_name(
    final_app: Any, kind: str, old: str, home: str
) -> None:
    assert no_home(kind, old, home, rules(final_app)) == ""


@pytest.mark.parametrize(
    ("kind", "old", "home"),
    [
        ("functions", "app:chat", "web/pages:nowhere"),
        ("functions", "app:chat", "web/nowhere:room"),
        ("functions", "app:chat", "web/nowhere:room; with a note."),
        ("functions", "app:chat", "pages:room"),
        ("functions", "app:chat", "web/pages.room"),
        ("events", "new_message", "realtime/handlers:sync"),
        ("events", "sync", "realtime/handlers:sinc"),
        ("routes", "GET /", "GET /nowhere"),
        ("routes", "GET /", "DELETE /login"),
        ("tables", "User", "storage/models:Nobody"),
        ("tables", "User", "storage/models:Base"),
    ],
)
def test_a_home_that_is_not_there_would_be_noticed(
    final_app: Any, kind: str, old: str, home: str
) -> None:
    """The negative twin: the target is renamed, moved, or another event."""
    assert no_home(kind, old, home, rules(final_app)) != ""


def test_the_map_can_be_looked_at() -> None:
    text = str(show_bridge())
    for kind in KINDS:
        for old in BRIDGE[kind]:
            assert old.replace(":", ".py: ") in text if kind == "functions" else old in text
    assert "new_message" not in str(show_bridge("tables"))
    with pytest.raises(LookupError, match="functions, events, routes, tables"):
        show_bridge("pages")


def test_a_home_is_shown_with_its_code() -> None:
    seen = str(show_home("handle_new_message"))
    assert seen.startswith(
        "app.py: handle_new_message → realtime/handlers.py: new_message\n"
        "final_app/realtime/handlers.py\n"
    )
    assert '@on("new_message"' in seen
    assert "def path(" in str(show_home("path_of"))  # a method
    assert "DELETE /rooms" in str(show_home("leave_room"))  # a sentence
    assert "broadcast.py: online; it announces" in str(show_home("tell_presence"))  # with a note
    with pytest.raises(LookupError, match="handle_sync"):
        show_home("handle_everything")


def test_every_module_is_in_one_layer() -> None:
    found = layers()
    for place in modules(CHAT):
        top, *inner = place.split("/")
        if inner[:1] not in (["__init__"], ["migrations"]):
            holding = [(names, each) for names, _, each in found if top in names]
            assert len(holding) == 1, place
            assert not inner or inner[0] in holding[0][1], place
    names = [name for names, _, each in found for name in names + each]
    there = {part for place in modules(CHAT) for part in place.split("/")}
    assert set(names) <= there


def test_the_layers_can_be_looked_at() -> None:
    lines = str(show_layers()).splitlines()
    assert len(lines) > 10
    for line, (names, purpose, inner) in zip(lines, layers(), strict=True):
        assert line.startswith(", ".join(names)) and purpose in line
        assert line.endswith(", ".join(inner))
