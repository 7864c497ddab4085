"""The bridge: where each piece of the last step lives in the finished application.

The map stands in steps.toml; tests/repo/test_bridge.py holds both ends of it.
"""

import html
import re
import tomllib
from functools import cache

from workshop import manifest, paths
from workshop.views import View, box, html_table, show, with_code

KINDS = ("functions", "events", "routes", "tables")
# "module:name", or "module:name; a note."; a route's is "METHOD /rule".
HOME = re.compile(r"(\w+):([\w.]+)(; .+\.)?")
ROUTE = re.compile(r"[A-Z]+ /\S*")
FLOORS = {  # by number, from below; 5 starts and wires
    5: "wires and starts",
    4: "edges: HTTP and Socket.IO",
    3: "domain",
    2: "tables and transactions",
    1: "the wire",
    0: "ground",
}


def show_bridge(*kinds: str) -> View:
    """Show the map: show_bridge() all of it, show_bridge("events") one kind of things.

    The kinds are functions, events, routes and tables. Raises LookupError for another one.
    """
    text, markup = [], []
    for kind in kinds or KINDS:
        if kind not in KINDS:
            raise LookupError(f"The map knows no {kind!r}. It has: {', '.join(KINDS)}.")
        rows = manifest.contents()["bridge"][kind]
        text.append(_as_text(kind, rows))
        markup.append(_as_table(kind, rows))
    return View("\n\n".join(text), "".join(markup))


def show_home(name: str) -> View:
    """Show where a piece of the last step lives now, with its code: show_home("handle_sync").

    Raises LookupError for a name that the map has not got.
    """
    found = [(kind, old, home) for kind, old, home in _entries() if name in _names(old)]
    if not found:
        known = sorted({_names(old)[-1] for kind, old, _ in _entries() if kind == "functions"})
        raise LookupError(f"The map has no {name!r}. It has, besides others: {', '.join(known)}.")
    _, old, home = found[0]
    line = f"{_place(old)} → {_place(home)}"
    place = HOME.fullmatch(home)
    code = show("final_app", f"{place[1]}.py", place[2]) if place else View("", "")
    heading = f'<p style="margin: .5em 0"><b>{html.escape(line)}</b></p>'
    return View(f"{line}\n{code.text}".rstrip(), heading + code.markup)


def show_floors() -> View:
    """Show the floors of the finished application: a module imports only from floors below it."""
    rows = {number: (FLOORS[number], modules) for number, modules in _floors().items()}
    text = "\n".join(f"{n}  {what:<27}{', '.join(ms)}" for n, (what, ms) in rows.items())
    cells = [
        [str(n), html.escape(what), ", ".join(f"<code>{m}</code>" for m in ms)]
        for n, (what, ms) in rows.items()
    ]
    return View(text, box(html_table(["floor", "what it is for", "modules"], cells)))


def floor_of(module: str) -> int:
    """Return the number of the floor that a module of final_app stands on."""
    return next(number for number, modules in _floors().items() if module in modules)


@cache
def _floors() -> dict[int, list[str]]:
    """Return the modules of each floor, the highest first, as import-linter holds them."""
    with (paths.ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = [re.findall(r"\w+", layer) for layer in contracts[0]["layers"]]
    *tops, edges, near_edges, domain, tables, wire, ground = layers
    top = ["__init__", *(module for each in tops for module in each)]
    from_above = top, edges + near_edges, domain, tables, wire, ground
    return dict(zip(FLOORS, from_above, strict=True))


def _entries() -> list[tuple[str, str, str]]:
    """Return (kind, piece of the last step, home) for everything."""
    whole = manifest.contents()["bridge"]
    return [(kind, old, home) for kind in KINDS for old, home in whole[kind].items()]


def _names(old: str) -> tuple[str, ...]:
    """Return what one may call a piece: "app:place" is also "place"."""
    return old, old.rpartition(":")[2] if HOME.fullmatch(old) else old


def _place(piece: str) -> str:
    """Return "app:place" as "app.py: place", with its note, and anything else as it is."""
    found = HOME.fullmatch(piece)
    return f"{found[1]}.py: {found[2]}{found[3] or ''}" if found else piece


def _floor(home: str) -> str:
    found = HOME.fullmatch(home)
    return str(floor_of(found[1])) if found else ""


def _as_text(kind: str, rows: dict[str, str]) -> str:
    lines = [
        f"{_place(old):<36} {_floor(home) or ' '}  {_place(home)}" for old, home in rows.items()
    ]
    floor = "     " if kind == "routes" else "floor"
    return "\n".join([f"{kind} of step 10".ljust(35) + f"{floor}  final_app", *lines])


def _as_table(kind: str, rows: dict[str, str]) -> str:
    cells = [
        [
            f'<code style="white-space: normal">{html.escape(_place(old))}</code>',
            _floor(home),
            _home_html(home),
        ]
        for old, home in rows.items()
    ]
    head = ["step 10", "" if kind == "routes" else "floor", "final_app"]
    return box(html_table(head, cells, first="40%"), kind.capitalize())


def _home_html(home: str) -> str:
    place, semicolon, note = _place(home).partition("; ")
    if HOME.fullmatch(home) or ROUTE.fullmatch(home):
        place = f"`{place}`"
    return with_code(place + semicolon + note)
