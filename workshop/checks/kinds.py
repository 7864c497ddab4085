"""The kinds of error messages: a pattern for each kind, and a plain explanation.

The patterns match the wording of CPython, Flask, Jinja, SQLAlchemy and V8, and not the mistakes that
cause the messages. If a message says by itself what is wrong, it needs no kind: the checker then shows
it, with its line, and without an explanation.
"""

import re

Kinds = list[tuple[str, str]]

NOT_CAUGHT = (
    "`{0}` raises `{1}`, and nothing catches it. A function with `@app.errorhandler(…)` or "
    "`@socketio.on_error_default` above it turns an error into an answer, and must return the answer."
)

MIGRATIONS = (
    "The migrations have to form a line. Each has a `revision` that no other one has, as text in "
    "quotes, and its `down_revision` is the `revision` of the migration before it."
)

PYTHON: Kinds = [
    (r"Multiple head revisions", MIGRATIONS),
    (
        r"SyntaxError: .*(?:codec can't decode|null bytes|Non-UTF-8)|UnicodeDecodeError: 'utf-8'",
        "The file is not saved as UTF-8. Save it again with this encoding. JupyterLab and VS Code "
        "always use it. In Notepad, choose it under “Save as”. In PowerShell, `>` writes a different "
        "encoding.",
    ),
    (
        r"IndentationError: |TabError: ",
        "The line is indented wrongly. The body of a function is indented by four spaces, and not by "
        "tabs; a decorator and its `def` start at the left edge.",
    ),
    (
        r"^SyntaxError: ",
        "Python cannot read the line at the mark. A colon, comma, quote or bracket is missing "
        "there or in the line above, or there is one too many.",
    ),
    (
        r"RuntimeError: The Werkzeug web server is not designed to run in production",
        "This line starts a server while `flask run` is only loading your file. Put it at the end, "
        'below `if __name__ == "__main__":`, and indent it.',
    ),
    (
        r"(?:ModuleNotFound|Import)Error: .*?'([\w.]+)'|partially initialized module '([\w.]+)'",
        "Python cannot find `{0}{1}`. Check its spelling: Python is case-sensitive. If it is a file of "
        "your chat, it must be next to app.py: the cell with `bring(…)` copies it. If it is a "
        "package, `python3 start.py doctor` tells you what is installed. If one of your files has the "
        "name of a library, it hides that library: rename the file.",
    ),
    (
        r"NameError: name '(\w+)' is not defined",
        "`{0}` is used but never imported or defined. Import it at the top or define it above, with the "
        "same spelling. If it is meant as text, it needs quotes. Python's own words are `True`, `False` "
        "and `None`.",
    ),
    (
        r"TypeError: The view function for '(\w+)' did not return a valid response",
        "`{0}` returns nothing. Does its last line begin with `return`?",
    ),
    (
        r"AttributeError: 'NoneType'|(?:TypeError|ArgumentError): .*\bNone(?:Type)?\b",
        "A value is None here, but something else is needed. A search has found nothing, a function "
        "ends without `return`, or the database has not filled this field yet, which it does at "
        "`db.session.commit()`.",
    ),
    (
        r"AttributeError: 'dict' object has no attribute '(\w+)'",
        'Write a dictionary\'s key in square brackets: `["{0}"]`, not `.{0}`.',
    ),
    (
        r"AttributeError: '(?:\w*function|method)' object has no|"
        r"TypeError: .*(?:function|method)'?(?: object)? is not (?:JSON|subscriptable|iterable)|"
        r"TypeError: .*\bnot '?(?:builtin_)?(?:function|method)\b|<bound method",
        "The value is a function. Are the parentheses `()` after its name missing? If you mean text, "
        "add quotes.",
    ),
    (
        r"AttributeError: .*?'?(\w+)'?(?:$|\. Did you)",
        "There is no `{0}` in the value before the dot. The word is misspelled, or a word in between is "
        "missing, as `session` is in `db.commit()`.",
    ),
    (
        r"TypeError: Object of type (\w+) is not JSON serializable",
        "A `{0}` cannot be sent as JSON. You can send strings, numbers, True, False, None, and lists "
        "and dictionaries of these. A `coroutine` comes from `async def`: remove `async`.",
    ),
    (
        r"TypeError: ([\w.]+)\(\) (?:takes|missing|got)",
        "The call of `{0}` does not match its `def` line: compare the number and the names of its "
        "arguments. Flask calls a function with the parts of the address in `<…>`, and Flask-SocketIO "
        "with the values that somebody emits.",
    ),
    (
        r"KeyError: (.+)",
        "There is no value for {0}: the dictionary has no such key, or `.format(…)` has no such "
        "argument. Check the spelling, and check that something sets it.",
    ),
    (
        r"AssertionError: View function mapping is overwriting an existing endpoint function: (\w+)",
        "Two functions with an `@app.route(…)` are called `{0}`. Rename or delete the second one.",
    ),
    (
        r"TemplateNotFound: (\S+)",
        "Flask looks for `{0}` in the folder `templates` next to app.py. Does the folder's name "
        "end with an “s”, and is the file's name spelled exactly like this?",
    ),
    (
        r"TemplateSyntaxError: ",
        "Jinja cannot read the template from this line on. A value has two braces on each side, `{{{{ "
        "username }}}}`; a statement is in `{{% … %}}`, and `for`, `if` and `macro` need their "
        "`{{% end… %}}`. If this line is right, a quote or a brace is missing in a line above it.",
    ),
    (
        r"UndefinedError: ",
        "The template uses a value that nothing has set. Pass it to `render_template`, or check its "
        "spelling. `csrf_token` comes with `CSRFProtect(app)`.",
    ),
    (
        r"BuildError: ",
        "`url_for` expects the name of a function that has a route, in quotes, and a value for each "
        "part of its address. `socketio_browser.static` comes with "
        "`app.register_blueprint(socketio_browser)`.",
    ),
    (
        r"OperationalError: .*(?:no such table|no such column|has no column)",
        "The table in your database is not the one in your code. `db.create_all()` creates the tables, "
        "after their classes are defined, but does not change existing ones. Delete the folder "
        "`instance` to begin with an empty database.",
    ),
    (
        r"RuntimeError: Working outside of (?:request|application) context",
        "This line works only while Flask is handling a request or an event. Elsewhere, call "
        "`socketio.emit` instead of `emit`, and `with app.app_context():` gives access to the database.",
    ),
    (
        r"Failed to find Flask application or factory",
        "`flask run` looks for a variable called `app`. Is `app = Flask(__name__)` there?",
    ),
]

# What a browser has, and the page in which the checker runs a script lacks.
ABSENT = (
    "getComputedStyle|MutationObserver|ResizeObserver|IntersectionObserver|XMLHttpRequest|"
    "FileReader|Blob|TextEncoder|TextDecoder|BroadcastChannel|DOMParser|KeyboardEvent|btoa|screen"
)
ABSENT_METHODS = "animate|showModal|setCustomValidity|getBoundingClientRect|group|groupEnd"

SCRIPT: Kinds = [
    (
        r"Cannot (?:read|set) properties of null \(\w+ '(.*)'\)",
        "`null`, the value before `.{0}`, means that `querySelector` or `getElementById` found "
        "nothing. Compare its selector with the page's HTML: `#name` finds an id, `.name` a class. Or "
        "the script runs before the element exists: move its `<script>` below the element. Or you "
        "search in a copy of a template that the page already shows: make a new copy for each message.",
    ),
    (
        r"Cannot (?:read|set|destructure) propert(?:ies|y).* (?:undefined|null)",
        "A value is `undefined`: a property that does not exist, an argument that nobody passed, or the "
        "property of a promise, which needs `await`. An acknowledgement is what the server's handler "
        "returns. Check the spelling of the word before the dot.",
    ),
    (
        rf"\b({ABSENT})(?: is not defined|\S* is not a (?:function|constructor))|"
        rf"\S*\.({ABSENT_METHODS}) is not a function",
        "A browser has `{0}{1}`, but the page that the checker runs does not. Your code may be right. "
        "Leave it out until the check has passed.",
    ),
    (
        r"(\S+) is not defined|Cannot access '(.*)' before initialization",
        "`{0}{1}` is used but never declared, or above its declaration. Compare its spelling with the "
        "line that declares it. JavaScript is case-sensitive. If another script declares it, as the "
        "browser client does with `io`, load that one first.",
    ),
    (
        r"(?:\w+ )?(\S+) is not a (?:function|constructor)",
        "`{0}` is called as a function, but there is no function of that name. Check its spelling, "
        "and the word before the dot. JavaScript is case-sensitive. Where you pass a function, write "
        "its name without `()`.",
    ),
    (
        r"Assignment to constant variable",
        "A variable that `const` declares cannot get a new value. Declare it with `let`.",
    ),
    (
        r"is not valid JSON|Unexpected end of JSON input|Unexpected token '<'",
        "The text is not the script or the JSON that is expected here. If it begins with `<`, either a "
        "tag is in the script, or the server answered with a page, perhaps an error page.",
    ),
    (
        r"SyntaxError: (?:Unexpected|Invalid or|missing|Private field)",
        "JavaScript cannot read the script at the mark. A bracket, comma, operator or quote is missing "
        "or one too many, or a word is misspelled. JavaScript is case-sensitive. If this line is right, "
        "look at the lines above it, and then further down.",
    ),
]


def meaning(kinds: Kinds, words: str) -> str:
    """Return what this kind of message means, or "" if the table does not contain it."""
    for pattern, sentence in kinds:
        if found := re.search(pattern, words):
            return sentence.format(*(group or "" for group in found.groups()))
    return ""
