"""The length of code without blank lines, comments and docstrings."""

import ast
import io
import re
import tokenize
from pathlib import Path

SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
          tokenize.ENDMARKER, tokenize.ENCODING}  # fmt: skip
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_lines(path: Path) -> set[int]:
    """Return the numbers of the lines of a Python file that contain code."""
    source = path.read_text(encoding="utf-8")
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SILENT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node):
            docstring = node.body[0]
            lines -= set(range(docstring.lineno, (docstring.end_lineno or 0) + 1))
    return lines


def functions(path: Path) -> dict[str, int]:
    """Return how many lines of code each function of a Python file has, including inner functions."""
    lines = code_lines(path)
    return {
        f"{path.name}: {node.name}": len(
            lines & set(range(node.lineno, (node.end_lineno or 0) + 1))
        )
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }


def script_lines(path: Path) -> int:
    """Return how many lines of a JavaScript or CSS file contain code."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return sum(
        bool(line.strip()) and not line.strip().startswith("//") for line in text.splitlines()
    )
