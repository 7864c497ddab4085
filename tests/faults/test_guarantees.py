"""docs/guarantees.md names a test for each promise, and each of them exists."""

import ast
import re
from pathlib import Path

from workshop import paths

PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def missing(text: str) -> list[str]:
    """Return the named tests that do not exist."""
    return [
        f"{file}::{name}" for file, name in PROOF.findall(text) if name not in functions_of(file)
    ]


def functions_of(file: str) -> set[str]:
    path = paths.ROOT / Path(file)
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.exists() else ast.parse("")
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_promise_names_a_test_that_exists() -> None:
    text = (paths.ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    assert missing(text) == []
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    # The table about crashes has its promises in bold. The tests for them are in the next table.
    promises = [row for row in rows if not re.match(r"\| (---|promise|\*\*)", row)]
    assert len(promises) >= 10
    assert [row for row in promises if not PROOF.search(row)] == []
    tested = {row.split("|")[1].strip(" .") for row in promises}
    about_crashes = {name.rstrip(".") for name in re.findall(r"(?m)^\| \*\*(.*?)\*\*", text)}
    assert about_crashes and about_crashes <= tested


def test_a_name_that_does_not_exist_would_be_noticed() -> None:
    assert missing("`tests/faults/test_guarantees.py::test_of_something_else`")
    assert missing("`tests/faults/test_nowhere.py::test_it`")
