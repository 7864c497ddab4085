"""Read a page's script by its grammar, without running it (tree-sitter-javascript)."""

import re
from collections.abc import Iterator

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

JAVASCRIPT = Language(tree_sitter_javascript.language())
DECLARATIONS = ("variable_declarator", "function_declaration", "class_declaration")
FUNCTIONS = ("arrow_function", "function_expression", "function_declaration", "method_definition")
BLOCKS = ("program", "statement_block")
VARIABLES = ("lexical_declaration", "variable_declaration")
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
COMPARISONS = ("==", "===", "!=", "!==", "<", "<=", ">", ">=")
EFFECTS = ("call_expression", "new_expression", "assignment_expression",
           "augmented_assignment_expression", "update_expression", "await_expression",
           "yield_expression")  # fmt: skip
LISTENING = {"on": 1, "once": 1, "addEventListener": 1, "emit": 2, "setTimeout": 0,
             "setInterval": 0, "forEach": 0, "then": 0}  # which argument is a function  # fmt: skip
HANDING_ON = ("emit", "emitWithAck", "io", "fetch")  # to others, who look for the keys by name
KEYWORDS = """
    async await break case catch class const continue default delete do else export extends false
    finally for function if import in instanceof let new null of return static super switch this throw
    true try typeof undefined var void while yield
"""
LATER = ("then", "catch", "finally")  # what one may ask of a promise
CLOSING = {")": ("(",), "]": ("[",), "}": ("{", "${")}
OPENING = {bracket for brackets in CLOSING.values() for bracket in brackets}
BROWSERS_OWN = frozenset(OF_THE_PAGE.split()) | frozenset(OF_THE_LANGUAGE.split())


class Script:
    """A script and its syntax tree. Nothing in here judges; `scripts` does."""

    def __init__(self, text: str) -> None:
        self.root = Parser(JAVASCRIPT).parse(text.encode()).root_node

    def unreadable_line(self) -> int | None:
        """Return the first line that the grammar does not allow; None when all can be read."""
        wrong = [node for node in walk(self.root) if node.is_error or node.is_missing]
        return min((_line_of(node) for node in wrong), default=None)

    def condition_without_brackets(self) -> str:
        """Return the word, such as `if`, that a condition without ( ) stands behind, or ""."""
        found = re.search(r"(?m)^[\s}]*(?:else )?(if|while|for) +[^(\s]", text_of(self.root))
        return found[1] if found else ""

    def without_partner(self) -> Node | None:
        """Return the bracket that nothing closes, or that closes nothing; None when all have theirs."""
        opened: list[Node] = []
        for node in walk(self.root):
            if node.is_missing or node.child_count:
                continue
            if node.type in OPENING:
                opened.append(node)
            elif node.type in CLOSING:
                if not opened:
                    return node
                if opened[-1].type not in CLOSING[node.type]:
                    return opened[-1]
                opened.pop()
        return opened[-1] if opened else None

    def in_capitals(self) -> Node | None:
        """Return the first keyword that is written with a capital, such as `Function`."""
        names = (node for node in walk(self.root) if node.type.endswith("identifier"))
        keywords = KEYWORDS.split()
        return next(
            (
                node
                for node in names
                if text_of(node) not in keywords and text_of(node).lower() in keywords
            ),
            None,
        )

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

    def called_too_early(self) -> list[Node]:
        """Return the calls that stand where a function is wanted: `socket.on("a", show())`.

        A call that gives something back may stand there; so may one of a function that is not the
        script's own, as far as can be told from here.
        """
        named, found = self._functions(), []
        for call in (node for node in walk(self.root) if node.type == "call_expression"):
            place = LISTENING.get(_called(call).rpartition(".")[2])
            handed = None if place is None else next(iter(_arguments(call)[place:]), None)
            if handed is not None and handed.type == "call_expression":
                function = named.get(_called(handed))
                if function and not _gives_something(function):
                    found.append(handed)
        return found

    def statements(self) -> list[Node]:
        """Return what stands alone as a statement: a call, an assignment, or less than these."""
        return [
            child
            for node in walk(self.root)
            if node.type == "expression_statement"
            for child in node.named_children
            if child.type != "comment"
        ]

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

    def properties(self) -> set[str]:
        """Return every word that the script asks for or gives: behind a dot, or in an object."""
        return {text_of(node) for node in walk(self.root) if "property_identifier" in node.type}

    def asked_for(self) -> list[Node]:
        """Return the words that others have to know: what the script asks for, or hands on.

        They stand behind dots, in `const { error } = answer`, and in the objects that the server gets.
        Not among them are the script's own: those that it gives to an object of its own, or keeps
        behind a dot and looks at again.
        """
        words = [node for node in walk(self.root) if "property_identifier" in node.type]
        handed_on = self._keys_handed_on()
        given = {text_of(node) for node in words if _is_key(node) and node.id not in handed_on}
        asked = [node for node in words if not _is_key(node)]
        kept = {text_of(node) for node in asked if _is_assigned(node)}
        looked_at = {text_of(node) for node in asked if not _is_assigned(node)}
        own = given | (kept & looked_at)
        return [
            node
            for node in words
            if node.id in handed_on or not (_is_key(node) or text_of(node) in own)
        ]

    def constants_given_anew(self) -> list[Node]:
        """Return where a `const` gets another value, which ends the function there."""
        declared = [text_of(node) for node in walk(self.root) if _declares(node)]
        constant = {
            text_of(name)
            for node in walk(self.root)
            if node.type == "lexical_declaration" and text_of(node).startswith("const")
            for declarator in node.named_children
            if (name := declarator.child_by_field_name("name"))
        }
        return [
            node
            for node in self.given_anew()
            if text_of(node) in constant and declared.count(text_of(node)) == 1
        ]

    def declared_twice(self) -> list[Node]:
        """Return the names that a block declares a second time; of such a script nothing is run."""
        found = []
        for block in (node for node in walk(self.root) if node.type in BLOCKS):
            names = [name for line in block.named_children for name in _names_declared_by(line)]
            texts = [text_of(name) for name in names]
            found += [name for place, name in enumerate(names) if texts[place] in texts[:place]]
        return found

    def waits_in_vain(self) -> list[Node]:
        """Return each `await` whose function is not `async`; of such a script nothing is run."""
        waits = (node for node in walk(self.root) if node.type == "await_expression")
        return [node for node in waits if not _may_wait(node)]

    def not_waited_for(self) -> list[Node]:
        """Return each call of `fetch` or `json` whose promise is taken for what it will bring."""
        calls = (node for node in walk(self.root) if node.type == "call_expression")
        return [call for call in calls if _brings_later(call) and self._is_taken(call)]

    def _is_taken(self, call: Node) -> bool:
        user = call.parent
        if user and user.type == "member_expression":
            return text_of(user.children[-1]) not in LATER
        name = user.child_by_field_name("name") if user and user.type in DECLARATIONS else None
        if not name:
            return False
        waited = (text_of(n.children[-1]) for n in walk(self.root) if n.type == "await_expression")
        handed_on = (f"{text_of(name)}.{word}" for word in LATER)
        told = {text_of(node) for node in walk(self.root) if node.type == "member_expression"}
        return text_of(name) not in waited and told.isdisjoint(handed_on)

    def given_anew(self) -> list[Node]:
        """Return every name to which a value is given after its declaration: `last = …`, `last++`."""
        fields = {"assignment_expression": "left", "augmented_assignment_expression": "left",
                  "update_expression": "argument"}  # fmt: skip
        targets = (
            node.child_by_field_name(fields[node.type])
            for node in walk(self.root)
            if node.type in fields
        )
        return [node for node in targets if node and node.type == "identifier"]

    def names_at_the_top(self) -> set[str]:
        """Return the variables that are declared outside of every function."""
        return {
            text_of(name)
            for node in self.root.named_children
            if node.type in VARIABLES
            for declarator in node.named_children
            if (name := declarator.child_by_field_name("name"))
        }

    def texts(self, kinds: tuple[str, ...] = ("string", "template_string")) -> list[str]:
        """Return every text that stands in the script between quotes, of all kinds or of some."""
        return [text_of(node)[1:-1] for node in walk(self.root) if node.type in kinds]

    def undeclared(self) -> list[str]:
        """Return the names that are used but neither declared here nor the browser's own."""
        used = (text_of(node) for node in walk(self.root) if node.type == "identifier")
        return sorted(set(used) - self.declared() - BROWSERS_OWN)

    def declared(self) -> set[str]:
        """Return the names that the script declares, anywhere in it."""
        return {text_of(node) for node in walk(self.root) if _declares(node)}

    def _keys_handed_on(self) -> set[int]:
        """Return the ids of the keys in objects that are handed on, or the name of which is."""
        handed = [
            argument
            for call in (node for node in walk(self.root) if node.type == "call_expression")
            if _called(call).rpartition(".")[2] in HANDING_ON
            for argument in _arguments(call)
            if argument.type not in FUNCTIONS
        ]
        names = {text_of(node) for node in handed if node.type == "identifier"}
        for node in walk(self.root):
            name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
            if node.type == "variable_declarator" and name and value and text_of(name) in names:
                handed.append(value)
        objects = [value for value in handed if value.type == "object"]
        return {node.id for each in objects for node in walk(each) if _is_key(node)}

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


def _names_declared_by(line: Node) -> list[Node]:
    declaring = line.named_children if line.type in VARIABLES else [line]
    names = [node.child_by_field_name("name") for node in declaring if node.type in DECLARATIONS]
    return [name for name in names if name and name.type == "identifier"]


def _may_wait(node: Node) -> bool:
    function = node.parent
    while function and function.type not in FUNCTIONS:
        function = function.parent
    return function is not None and any(each.type == "async" for each in function.children)


def _brings_later(call: Node) -> bool:
    words = text_of(call.child_by_field_name("function") or call)
    # `await (…)` is a call of `await` to this grammar.
    return words.rpartition(".")[2] in ("fetch", "json") and not words.startswith("await")


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


def only_compares(statement: Node) -> bool:
    """Tell whether a statement compares, and makes nothing of it: `line.textContent == text;`."""
    if statement.type == "ternary_expression" and not any(
        n.type in EFFECTS for n in walk(statement)
    ):
        return any(only_compares(node) for node in statement.named_children[:1])
    operator = statement.child_by_field_name("operator")
    return statement.type == "binary_expression" and bool(
        operator and text_of(operator) in COMPARISONS
    )


def line_of(node: Node) -> int:
    return node.start_point.row + 1


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


def _gives_something(function: Node) -> bool:
    """Tell whether a function returns a value: it could be a function, too."""
    body = function.child_by_field_name("body")
    returned = (node for node in walk(function) if node.type == "return_statement")
    return bool(body and body.type != "statement_block") or any(n.named_children for n in returned)


def _is_key(node: Node) -> bool:
    """Tell whether this names what an object or a class is given: `{ text: …, room }`."""
    return node.type == "shorthand_property_identifier" or bool(
        node.parent and node.parent.type in ("pair", "method_definition", "field_definition")
    )


def _is_assigned(node: Node) -> bool:
    """Tell whether a word behind a dot is given a value: `line.id = …`."""
    assignment = node.parent.parent if node.parent else None
    return bool(
        assignment
        and assignment.type == "assignment_expression"
        and assignment.child_by_field_name("left") == node.parent
    )


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
