"""The bridge: a map of where to find each piece of the last step in the finished application.

The map is in steps.toml. tests/repo/test_bridge.py checks that both ends of each entry exist.
"""

import html
import re
import tomllib

from workshop import manifest, paths
from workshop.views import View, box, html_table, show, wide, with_code

LAST = f"step {manifest.steps()[-1].number}"
KINDS = ("functions", "events", "routes", "tables")
# A place is "folder/module:name" or "folder/module:name; a note.". For a route, it is "METHOD /rule".
HOME = re.compile(r"([\w/]+):([\w.]+)(; .+\.)?")
ROUTE = re.compile(r"[A-Z]+ /\S*")


def show_bridge(*kinds: str) -> View:
    """Show the map: show_bridge() shows all of it, and show_bridge("events") shows one kind.

    The kinds are functions, events, routes and tables. Raises LookupError for any other kind.
    """
    text, markup = [], []
    for kind in kinds or KINDS:
        if kind not in KINDS:
            raise LookupError(f"The map has no {kind!r}. It has: {', '.join(KINDS)}.")
        rows = manifest.contents()["bridge"][kind]
        text.append(_as_text(kind, rows))
        markup.append(_as_table(kind, rows))
    return View("\n\n".join(text), "".join(markup))


def show_home(name: str) -> View:
    """Show where a piece of the last step is in final_app, with its code: show_home("handle_sync").

    Raises LookupError for a name that the map does not contain.
    """
    found = [(kind, old, home) for kind, old, home in _entries() if name in _names(old)]
    if not found:
        known = sorted({_names(old)[-1] for kind, old, _ in _entries() if kind == "functions"})
        raise LookupError(f"The map has no {name!r}. It has, among others: {', '.join(known)}.")
    _, old, home = found[0]
    line = f"{_place(old)} → {_place(home)}"
    place = HOME.fullmatch(home)
    code = show("final_app", f"{place[1]}.py", place[2]) if place else View("", "")
    heading = f'<p style="margin: .5em 0"><b>{html.escape(line)}</b></p>'
    return View(f"{line}\n{code.text}".rstrip(), heading + code.markup)


def show_layers() -> View:
    """Show the layers of the finished application: a module imports only from layers below it."""
    rows = [(", ".join(names), purpose, modules) for names, purpose, modules in layers()]
    text = "\n".join(
        f"{name:<20}{purpose:<54}{', '.join(modules)}".rstrip() for name, purpose, modules in rows
    )
    cells = [
        [_codes(names), html.escape(purpose), wide(_codes(modules))]
        for names, purpose, modules in layers()
    ]
    return View(text, box(html_table(["layer", "what it does", "its modules"], cells)))


def layers() -> list[tuple[list[str], str, list[str]]]:
    """Return the layers from top to bottom: (modules and packages, purpose, modules in packages).

    import-linter checks the same list, in pyproject.toml.
    """
    with (paths.ROOT / "pyproject.toml").open("rb") as file:
        tools = tomllib.load(file)["tool"]
    found = []
    for layer in tools["importlinter"]["contracts"][0]["layers"]:
        names = re.findall(r"\w+", layer)
        purpose = ". ".join(tools["workshop"]["purposes"][name] for name in names)
        found.append((names, purpose, [each for name in names for each in _modules(name)]))
    found[0][0].insert(0, "__init__")  # for import-linter, this file is the package itself
    return found


def _modules(package: str) -> list[str]:
    files = sorted((paths.ROOT / "final_app" / package).glob("*.py"))
    return [file.stem for file in files if file.stem != "__init__"]


def _entries() -> list[tuple[str, str, str]]:
    """Return (kind, piece of the last step, place in final_app) for each entry of the map."""
    whole = manifest.contents()["bridge"]
    return [(kind, old, home) for kind in KINDS for old, home in whole[kind].items()]


def _names(old: str) -> tuple[str, ...]:
    """Return the names of a piece: "app:chat" is also "chat"."""
    return old, old.rpartition(":")[2] if HOME.fullmatch(old) else old


def _place(piece: str) -> str:
    """Return "app:chat" as "app.py: chat", with its note. Anything else stays unchanged."""
    found = HOME.fullmatch(piece)
    return f"{found[1]}.py: {found[2]}{found[3] or ''}" if found else piece


def _as_text(kind: str, rows: dict[str, str]) -> str:
    lines = [f"{_place(old):<36} {_place(home)}" for old, home in rows.items()]
    return "\n".join([f"{kind} of {LAST}".ljust(37) + "final_app", *lines])


def _as_table(kind: str, rows: dict[str, str]) -> str:
    cells = [
        [f'<code style="white-space: normal">{html.escape(_place(old))}</code>', _home_html(home)]
        for old, home in rows.items()
    ]
    return box(html_table([LAST, "final_app"], cells, first="40%"), kind.capitalize())


def _home_html(home: str) -> str:
    place, semicolon, note = _place(home).partition("; ")
    if HOME.fullmatch(home) or ROUTE.fullmatch(home):
        place = f"`{place}`"
    return with_code(place + semicolon + note)


def _codes(names: list[str]) -> str:
    return ", ".join(f"<code>{name}</code>" for name in names)
