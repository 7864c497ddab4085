"""The parts of wire do not depend on chat."""

import ast
from collections.abc import Iterator

import pytest

from workshop import paths

WIRE = paths.ROOT / "final_app" / "wire"
FILES = sorted(WIRE.glob("*.py"))
OWN = ("final_app.wire", "final_app.lib")


def imports(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield node.module or ""


@pytest.mark.parametrize("name", [path.name for path in FILES])
def test_wire_imports_nothing_of_the_chat(name: str) -> None:
    found = [each for each in imports((WIRE / name).read_text()) if each.startswith("final_app")]
    assert [each for each in found if not each.startswith(OWN)] == []


def test_what_is_counted_is_there() -> None:
    """A guard for the test above."""
    assert len(FILES) > 4
    assert "final_app.wire.websocket" in imports((WIRE / "handler.py").read_text())
