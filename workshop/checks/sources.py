"""Read a learner's Python code without running it, for what no response reveals."""

import ast

from workshop.stages import Stage


def handles_in_order(chat: Stage) -> bool:
    """Return whether the server handles a client's events one after another (`async_handlers=False`)."""
    try:
        tree = ast.parse((chat.folder / "app.py").read_bytes())
    except (OSError, SyntaxError):
        return False
    options = (node for node in ast.walk(tree) if isinstance(node, ast.keyword))
    return any(ast.unparse(each) == "async_handlers=False" for each in options)


def speaks_of(chat: Stage, word: str) -> bool:
    """Return whether the learner's Python code contains a word."""
    return any(word.encode() in file.read_bytes() for file in chat.folder.glob("*.py"))
