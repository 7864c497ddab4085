"""Read the Python of a learner's chat, without running it, for what no wire shows."""

import ast
from collections.abc import Iterator

from workshop.contract.words import meant
from workshop.stages import Stage

# What flask_socketio's `emit` and `send` look for; anything else they are given, they ignore.
OPTIONS = ("broadcast", "to", "room", "include_self", "skip_sid", "namespace", "callback",
           "ignore_queue", "json")  # fmt: skip


def unknown_option(chat: Stage) -> str:
    """Return a hint about an option that `emit` and `send` do not know, "" when there is none."""
    calls = [node for node in _nodes(chat) if isinstance(node, ast.Call) and _sends(node)]
    for call in calls:
        for keyword in call.keywords:
            if keyword.arg and keyword.arg not in OPTIONS:
                option = meant(keyword.arg, OPTIONS)
                return (
                    f"`{_name(call)}` knows no `{keyword.arg}=` (line {keyword.value.lineno}), and "
                    "says nothing: " + (f"is it `{option}=`?" if option else "take it out.")
                )
    return ""


def behind_a_return(chat: Stage) -> str:
    """Return a hint about a call of `emit` that is never reached, "" when there is none."""
    for node in _nodes(chat):
        for part in ("body", "orelse", "finalbody"):
            lines = getattr(node, part, None)
            lines = lines if isinstance(lines, list) else []
            ends = [number for number, line in enumerate(lines) if isinstance(line, ast.Return)]
            for line in lines[ends[0] + 1 :] if ends else []:
                for each in ast.walk(line):
                    if isinstance(each, ast.Call) and _sends(each):
                        return (
                            f"Line {each.lineno}, `{_name(each)}(…)`, is never reached: a function "
                            "ends with its `return`. Move it above its `return`."
                        )
    return ""


def returned_error(chat: Stage) -> str:
    """Return a hint about an error that is returned where it has to be raised, "" when there is none."""
    for node in _nodes(chat):
        match node:
            case ast.Return(value=ast.Call(func=ast.Name(id=name))) if name.endswith("Error"):
                return (
                    f"Line {node.lineno} returns a `{name}`: `raise` it. What is returned refuses "
                    "nobody."
                )
    return ""


def _nodes(chat: Stage) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse((chat.folder / "app.py").read_text(encoding="utf-8")))


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func)


def _sends(call: ast.Call) -> bool:
    return _name(call) in ("emit", "send", "socketio.emit", "socketio.send")
