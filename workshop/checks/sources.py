"""Find mistakes in a learner's Python code that no response reveals, without running the code."""

import ast
from collections.abc import Iterator
from difflib import get_close_matches

from workshop.checks.console import ALIKE
from workshop.stages import Stage

# The options of flask_socketio's `emit` and `send`. Both functions ignore any other option.
OPTIONS = ("broadcast", "to", "room", "include_self", "skip_sid", "namespace", "callback",
           "ignore_queue", "json")  # fmt: skip
SENDING = ("emit", "send", "socketio.emit", "socketio.send")


def unknown_option(chat: Stage) -> str:
    """Return a hint about an option that `emit` or `send` does not have, or "" if there is none."""
    for call, name in _sending(_nodes(chat)):
        for keyword in call.keywords:
            if keyword.arg and keyword.arg not in OPTIONS:
                near = get_close_matches(keyword.arg.lower(), OPTIONS, n=1, cutoff=ALIKE)
                what = f"Do you mean `{near[0]}=`?" if near else "Remove it."
                where = f"`{name}` has no option `{keyword.arg}=` (line {keyword.value.lineno})"
                return f"{where}, and ignores it. {what}"
    return ""


def behind_a_return(chat: Stage) -> str:
    """Return a hint about a call of `emit` that is never reached, or "" if there is none."""
    for node in _nodes(chat):
        for part in ("body", "orelse", "finalbody"):
            lines = getattr(node, part, None)
            lines = lines if isinstance(lines, list) else []
            ends = [number for number, line in enumerate(lines) if isinstance(line, ast.Return)]
            for line in lines[ends[0] + 1 :] if ends else []:
                for call, name in _sending(ast.walk(line)):
                    return (f"Line {call.lineno}, `{name}(…)`, never runs, because the function "
                            "returns before it. Move the line above the `return`.")  # fmt: skip
    return ""


def returned_error(chat: Stage) -> str:
    """Return a hint about an error that is returned instead of raised, or "" if there is none."""
    for node in _nodes(chat):
        match node:
            case ast.Return(value=ast.Call(func=ast.Name(id=name))) if name.endswith("Error"):
                return (f"Line {node.lineno} returns a `{name}`. Use `raise` instead: if you only "
                        f"return an error, nothing is refused.")  # fmt: skip
    return ""


def handles_in_order(chat: Stage) -> bool:
    """Return whether the server handles a client's events one after another (`async_handlers=False`)."""
    try:
        options = [node for node in _nodes(chat) if isinstance(node, ast.keyword)]
    except (OSError, SyntaxError):
        return False
    return any(ast.unparse(each) == "async_handlers=False" for each in options)


def speaks_of(chat: Stage, word: str) -> bool:
    """Return whether the learner's Python code contains a word."""
    return any(word.encode() in file.read_bytes() for file in chat.folder.glob("*.py"))


def _nodes(chat: Stage) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse((chat.folder / "app.py").read_bytes()))


def _sending(nodes: Iterator[ast.AST]) -> Iterator[tuple[ast.Call, str]]:
    calls = (node for node in nodes if isinstance(node, ast.Call))
    return ((call, ast.unparse(call.func)) for call in calls if ast.unparse(call.func) in SENDING)
