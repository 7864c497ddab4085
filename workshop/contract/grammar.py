"""Read a page's script by its grammar, without running it (tree-sitter-javascript)."""

import re
from collections.abc import Iterator

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

JAVASCRIPT = Language(tree_sitter_javascript.language())
DECLARATIONS = ("variable_declarator", "function_declaration", "class_declaration")
FUNCTIONS = ("arrow_function", "function_expression", "function_declaration", "method_definition")
PATTERNS = ("object_pattern", "array_pattern", "rest_pattern", "assignment_pattern",
            "pair_pattern", "object_assignment_pattern")  # fmt: skip

# What a browser gives every script (developer.mozilla.org/docs/Web/API/Window), as far as a
# learner's script may want it; `io` comes with the browser client.
OF_THE_PAGE = """
    io window document location history navigator screen console alert confirm prompt fetch
    localStorage sessionStorage crypto performance matchMedia getComputedStyle setTimeout
    setInterval clearTimeout clearInterval requestAnimationFrame queueMicrotask structuredClone
    URL URLSearchParams FormData Headers Request Response File FileReader Blob Image Audio Event
    CustomEvent MouseEvent KeyboardEvent EventTarget Node Element HTMLElement DocumentFragment
    MutationObserver IntersectionObserver ResizeObserver AbortController Notification WebSocket
    XMLHttpRequest DOMParser TextEncoder TextDecoder btoa atob
"""
OF_THE_LANGUAGE = """
    globalThis self undefined NaN Infinity arguments Object Array String Number Boolean BigInt
    Symbol Function Math Date JSON Map Set WeakMap WeakSet Promise Proxy Reflect RegExp Intl
    Error TypeError RangeError SyntaxError parseInt parseFloat isNaN isFinite encodeURI decodeURI
    encodeURIComponent decodeURIComponent Uint8Array
"""
BROWSERS_OWN = frozenset(OF_THE_PAGE.split()) | frozenset(OF_THE_LANGUAGE.split())


class Script:
    """A script and its syntax tree. Nothing in here judges; `scripts` does."""

    def __init__(self, text: str) -> None:
        self.root = Parser(JAVASCRIPT).parse(text.encode()).root_node

    def unreadable_line(self) -> int | None:
        """Return the first line that the grammar does not allow; None when all can be read."""
        wrong = [node for node in walk(self.root) if node.is_error or node.is_missing]
        return min((_line_of(node) for node in wrong), default=None)

    def calls(self, function: str, within: Node | None = None) -> list[Node]:
        """Return the calls of `function`, named as in the source: "socket.emit"."""
        calls = (node for node in walk(within or self.root) if node.type == "call_expression")
        return [call for call in calls if _called(call) == function]

    def events(self, function: str, within: Node | None = None) -> list[str]:
        """Return the texts that `function` is called with as its first argument."""
        return [event for call in self.calls(function, within) if (event := text_argument(call))]

    def callbacks(self, function: str, event: str) -> list[Node]:
        """Return the functions handed to `function` for an event; a name stands for its function."""
        named = self._functions()
        handed = [
            argument
            for call in self.calls(function)
            if text_argument(call) == event
            for argument in _arguments(call)[1:]
        ]
        found = (named.get(text_of(node)) if node.type == "identifier" else node for node in handed)
        return [node for node in found if node and node.type in FUNCTIONS]

    def named_callbacks(self, function: str, event: str) -> set[str]:
        """Return the names of functions that an event leads to: handed over, or called inside."""
        handed = {
            text_of(argument)
            for call in self.calls(function)
            if text_argument(call) == event
            for argument in _arguments(call)[1:]
            if argument.type == "identifier"
        }
        called = {
            _called(node)
            for callback in self.callbacks(function, event)
            for node in walk(callback)
            if node.type == "call_expression"
        }
        return handed | (called & set(self._functions()))

    def reached(self, functions: list[Node]) -> list[Node]:
        """Return these functions and those of the script that they name, and so on."""
        named, found = self._functions(), list(functions)
        for function in found:  # it grows while it is read
            words = {text_of(node) for node in walk(function) if node.type == "identifier"}
            found += [named[word] for word in words if word in named and named[word] not in found]
        return found

    def listeners(self, event: str) -> list[Node]:
        """Return the functions that run when this event comes."""
        return self.reached(self.callbacks("socket.on", event))

    def handlers(self, event: str) -> list[Node]:
        """Return the functions that elements of the page call for an event, such as "submit"."""
        calls = (node for node in walk(self.root) if node.type == "call_expression")
        adders = {name for call in calls if (name := _called(call)).endswith(".addEventListener")}
        return [found for adder in sorted(adders) for found in self.callbacks(adder, event)]

    def selectors(self) -> list[tuple[str, str]]:
        """Return (method, selector) for every search in the page, such as ("querySelector", "#a")."""
        return [
            (method, selector)
            for call in (node for node in walk(self.root) if node.type == "call_expression")
            if (method := _called(call).rpartition(".")[2])
            in ("querySelector", "querySelectorAll", "getElementById")
            and (selector := text_argument(call))
        ]

    def objects(self) -> list[set[str]]:
        """Return the keys of every object that the script writes out: {"room", "text"}."""
        literals = (node for node in walk(self.root) if node.type == "object")
        return [
            {text_of(child.child_by_field_name("key") or child) for child in literal.named_children}
            for literal in literals
        ]

    def texts(self) -> list[str]:
        """Return every text that stands in the script between quotes."""
        kinds = ("string", "template_string")
        return [text_of(node)[1:-1] for node in walk(self.root) if node.type in kinds]

    def undeclared(self) -> list[str]:
        """Return the names that are used but neither declared here nor the browser's own."""
        declared = {text_of(node) for node in walk(self.root) if _declares(node)}
        used = (text_of(node) for node in walk(self.root) if node.type == "identifier")
        return sorted(set(used) - declared - BROWSERS_OWN)

    def _functions(self) -> dict[str, Node]:
        found = {}
        for node in walk(self.root):
            name = node.child_by_field_name("name")
            if name and node.type == "function_declaration":
                found[text_of(name)] = node
            value = node.child_by_field_name("value")
            if name and value and value.type in FUNCTIONS:
                found[text_of(name)] = value
        return found


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all that is in it, in the order of the text."""
    yield node
    for child in node.children:
        yield from walk(child)


def text_of(node: Node) -> str:
    return (node.text or b"").decode()


def text_argument(call: Node) -> str:
    """Return the first argument of a call when it is plain text, else ""."""
    first = next(iter(_arguments(call)), None)
    if first is None or first.type not in ("string", "template_string"):
        return ""
    return text_of(first)[1:-1]


def methods_called(function: Node) -> set[str]:
    """Return the names of the methods that a function calls: "append" for `log.append(line)`."""
    calls = (node for node in walk(function) if node.type == "call_expression")
    return {_called(call).rpartition(".")[2] for call in calls}


def properties_in(function: Node) -> set[str]:
    """Return the names of properties: "message" for `error.message`, `{ message }`, `message: …`."""
    return {text_of(node) for node in walk(function) if "property_identifier" in node.type}


def is_inside(node: Node, functions: list[Node]) -> bool:
    """Tell whether a node stands in one of these functions."""
    return any(
        function.start_byte <= node.start_byte and node.end_byte <= function.end_byte
        for function in functions
    )


def _called(call: Node) -> str:
    function = call.child_by_field_name("function")
    return re.sub(r"\s+", "", text_of(function)) if function else ""


def _arguments(call: Node) -> list[Node]:
    arguments = call.child_by_field_name("arguments")
    return [
        node for node in (arguments.named_children if arguments else []) if node.type != "comment"
    ]


def _declares(node: Node) -> bool:
    """Tell whether this identifier is where a name is declared: by const, function or parameter."""
    if node.type not in ("identifier", "shorthand_property_identifier_pattern"):
        return False
    if node.type == "shorthand_property_identifier_pattern":
        return True
    parent = node.parent
    while parent and parent.type in PATTERNS:
        parent = parent.parent
    if parent is None:
        return False
    if parent.type in ("formal_parameters", "catch_clause", "import_clause", "import_specifier"):
        return True
    if parent.type == "arrow_function":
        return parent.child_by_field_name("parameter") == node
    if parent.type == "for_in_statement":
        return parent.child_by_field_name("left") == node
    name = parent.child_by_field_name("name")
    return parent.type in DECLARATIONS and bool(
        name and name.start_byte <= node.start_byte and node.end_byte <= name.end_byte
    )


def _line_of(node: Node) -> int:
    """Return the line where a wrong piece ends for certain: what is missing is missing before it."""
    return (node.start_point if node.is_missing else _deepest_error(node).start_point).row + 1


def _deepest_error(node: Node) -> Node:
    inner = [child for child in node.children if child.is_error or child.is_missing]
    return _deepest_error(inner[0]) if inner else node
