"""The kinds of error messages: a pattern for each kind, and a plain explanation.

The patterns match the wording of CPython, Flask, Jinja, SQLAlchemy, V8 and Chromium, and not the
mistakes that cause the messages. If a message matches no pattern, the checker shows it without an
explanation.
"""

import re

Kinds = list[tuple[str, str]]

NOT_CAUGHT = (
    "`{0}` raises `{1}`, and nothing catches it. A function with `@app.errorhandler(…)` or "
    "`@socketio.on_error_default` above it turns an error into an answer, and must return the answer."
)

NO_UTF_8 = (
    "The file is not saved as UTF-8. Save it again with this encoding. JupyterLab and VS Code always "
    "use it. In Notepad, choose it under “Save as”. In PowerShell, `>` writes a different encoding."
)

MIGRATIONS = (
    "The migrations have to form a line. Each has a `revision` that no other one has, as text in "
    "quotes, and its `down_revision` is the `revision` of the migration before it."
)

PYTHON: Kinds = [
    (r"Multiple head revisions", MIGRATIONS),
    (
        r"SyntaxError: .*(?:codec can't decode|null bytes|Non-UTF-8)|UnicodeDecodeError: 'utf-8'",
        NO_UTF_8,
    ),
    (
        r"RuntimeError: The Werkzeug web server is not designed to run in production",
        "This line starts a server while `flask run` is only loading your file. Put it at the end, "
        'below `if __name__ == "__main__":`, and indent it.',
    ),
    (
        r"unsupported format string passed to NoneType",
        "A value in the f-string is `None`. A field that the database fills, such as `created_at`, has "
        "a value only after `db.session.commit()`: call it before `as_dict`.",
    ),
    (
        r"ModuleNotFoundError: No module named '([\w.]+)'",
        "Python cannot find the module `{0}`. Check its spelling in the import line. If it is a file of "
        "your chat, it must be next to app.py: the cell with `bring(…)` copies it. If it is a "
        "package, `python3 start.py doctor` tells you what is installed.",
    ),
    (
        r"ImportError: cannot import name '(\w+)' from '([\w.]+)' \(.*(?:site|dist)-packages",
        "The package `{1}` has no `{0}`. Compare the import line with the step, letter by letter. "
        "Python is case-sensitive.",
    ),
    (
        r"cannot import name '(\w+)' from (?:partially initialized module )?'([\w.]+)'",
        "`{1}` is one of your own files, and it does not define `{0}`. If you mean the library "
        "`{1}`, your file hides a library of that name: rename the file.",
    ),
    (
        r"partially initialized module '([\w.]+)'",
        "`{0}` is used while it is still being loaded. If one of your files has the name of a "
        "library, it hides that library: rename the file.",
    ),
    (
        r"TabError: ",
        "Some lines of the file are indented with tabs, and others with spaces. They look alike, but "
        "Python tells them apart: use only spaces.",
    ),
    (
        r"IndentationError: (.*)",
        "The line is indented wrongly. The body of a function is indented by four spaces; a "
        "decorator and its `def` start at the left edge.",
    ),
    (
        r"^SyntaxError: (?:'.' was never closed|unmatched|closing parenthesis)",
        "The bracket at the mark has no partner. Add the missing one, or delete this one.",
    ),
    (
        r"^SyntaxError: unterminated",
        "The text that begins at the mark has no closing quote.",
    ),
    (
        r"^SyntaxError: .*((?:Maybe you meant|Perhaps you forgot|Did you mean).*)",
        "Python cannot read the line at the mark. It suggests: “{0}”",
    ),
    (
        r"^SyntaxError: expected '(\S+)'",
        "Python cannot read the line. It needs a `{0}` at the mark.",
    ),
    (
        r"^SyntaxError: (.*)",
        "Python cannot read the line at the mark. A colon, comma, quote or bracket is missing "
        "there or in the line above, or there is one too many.",
    ),
    (
        r"NameError: name '(true|false|null|undefined)' is not defined",
        "`{0}` is JavaScript. In Python, write `True`, `False` or `None`.",
    ),
    (
        r"NameError: name '(\w+)' is not defined\. Did you mean: '(\w+)'",
        "`{0}` is used but never imported or defined. Do you mean `{1}`? If not, import `{0}` at the "
        "top or define it above.",
    ),
    (
        r"NameError: name '(\w+)' is not defined",
        "`{0}` is used but never imported or defined. Import it at the top or define it above, "
        "with the same spelling. If it is meant as text, it needs quotes.",
    ),
    (
        r"UnboundLocalError: .*variable '(\w+)'",
        "`{0}` is used before this function gives it a value.",
    ),
    (
        r"AttributeError: 'NoneType' object has no attribute '(\w+)'",
        "The value before `.{0}` is None: a search found nothing, or a function returned nothing. "
        "Handle that case first, with `if not …:`.",
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
        r"ValueError: Invalid async_mode specified",
        'This mode needs a library that is not installed. Write `async_mode="threading"`.',
    ),
    (
        r"AttributeError: type object '(\w+)' has no attribute '(query|objects)'",
        "`{0}` has no `{1}`, which belongs to another kind of model. Write "
        "`db.session.scalars(db.select({0}))`.",
    ),
    (
        r"AttributeError: 'Request' object has no attribute '(GET|POST)'",
        "Django has `request.{0}`. In Flask, `request.args` has the values in the address, and "
        '`request.form` those of a form with `method="post"`.',
    ),
    (
        r"AttributeError: (?:module |type object )?'([\w.]+)'(?: object)? has no attribute '(\w+)'",
        "`{0}` has no `{1}`. The word after the dot is misspelled, or a word in between is "
        "missing, as `session` is in `db.commit()`.",
    ),
    (
        r"AttributeError: (\w+)(?:$|\. Did you)",  # the wording of Flask-SQLAlchemy
        "The value before the dot has no `{0}`. The word is misspelled, or a word in between is "
        "missing, as `session` is in `db.commit()`.",
    ),
    (
        r"TypeError: Object of type coroutine is not JSON serializable",
        "The function is declared with `async def`, so calling it returns a coroutine and not its "
        "result. Flask-SocketIO expects a plain function here: remove `async`.",
    ),
    (
        r"TypeError: Object of type (\w+) is not JSON serializable",
        "A `{0}` cannot be sent as JSON. You can send strings, numbers, True, False, None, and lists "
        "and dictionaries of these.",
    ),
    (
        r"TypeError: '(\w+)' object is not callable",
        "Parentheses call a function, but a `{0}` is not a function. Is a word missing before the "
        "parentheses, such as `.on` in `@socketio.on(…)`?",
    ),
    (
        r"TypeError: bad operand type for unary \+",
        "The line begins with `+`, the mark of an added line in a diff. It is not part of the "
        "code: delete it.",
    ),
    (
        r"TypeError: macro '(\w+)' takes not more than (\d+) argument",
        "This line passes more values than the first line of the macro, `{{% macro {0}(…) %}}`, accepts "
        "({1}). Compare the two lines.",
    ),
    (
        r"TypeError: .*unhashable type: '(\w+)'",
        "A {0} cannot be a key of a dictionary, an element of a set, or the name of an event. Are two "
        "arguments in the wrong order?",
    ),
    (
        r"TypeError: ([\w.]+)\(\) (?:takes|missing) ",
        "The call of `{0}` does not match its `def` line. Compare the arguments in the parentheses.",
    ),
    (
        r"TypeError: (?:.*unexpected keyword argument '(\w+)'|'(\w+)' is an invalid keyword|"
        r"Additional arguments should be named.* got '(\w+)')",
        "There is no argument called `{0}{1}{2}`. Check its spelling.",
    ),
    (
        r"TypeError: The view function for '(\w+)' did not return a valid response",
        "`{0}` returns nothing. Does its last line begin with `return`?",
    ),
    (
        r"(?:TypeError|ArgumentError): .*\bNone(?:Type)?\b",
        "A value is None here, but something else is needed. Either nothing has set it yet, or a "
        "function ends without `return`.",
    ),
    (
        r"KeyError: (.+)",
        "There is no value for {0}: the dictionary has no such key, or `.format(…)` has no such "
        "argument. Check the spelling, and check that something sets it.",
    ),
    (
        r"ValueError: (?i:urls?) (?:rule .*)?must start with a (?:leading )?slash",
        'An address in `@app.route(…)` must begin with a slash: `"/chat"`, not `"chat"`.',
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
        r"TemplateSyntaxError: .*innermost block that needs to be closed is '(\w+)'",
        "The template ends too early: `{{% {0} … %}}` needs its {{% end{0} %}}.",
    ),
    (
        r"TemplateSyntaxError: unexpected char [\"'][\"']",
        "A quote is missing in this line. The value in it begins with a quote and must end with the "
        "same one.",
    ),
    (
        r"TemplateSyntaxError: Encountered unknown tag '(static|url|csrf_token|load)'",
        "The tag `{{% {0} … %}}` belongs to Django. In Flask, write `{{{{ url_for(…) }}}}` for an "
        "address, and `{{{{ csrf_token() }}}}` for a token.",
    ),
    (
        r"TemplateSyntaxError: ",
        "Jinja cannot read this line of the template. A value has two braces on each side, `{{{{ "
        "username }}}}`; a statement is in `{{% … %}}`. If this line is right, a quote or a brace is "
        "missing in a line above it.",
    ),
    (
        r"UndefinedError: (.*) has no element (\w+)",
        "In the template, this value has no `{1}`: {0}. The first item of a list is 0, and `[-1]` "
        "is its last.",
    ),
    (
        r"UndefinedError: (.*) has no attribute '(\w+)'",
        "In the template, this value has no `{1}`: {0}. If the template itself contains the "
        "dictionary, add `{1}` to it. Otherwise, look for the function that passes the value.",
    ),
    (
        r"UndefinedError: .*'(\w+)'(?: is undefined)?$",
        "The template uses `{0}`, but nothing gives it a value. Pass it to `render_template`, or "
        "check its spelling. `csrf_token` comes with `CSRFProtect(app)`.",
    ),
    (
        r"BuildError: .*for endpoint 'socketio_browser",
        "The application does not serve the Socket.IO client for browsers. Is the line "
        "`app.register_blueprint(socketio_browser)` there?",
    ),
    (
        r"BuildError: .*for endpoint '([^']*)'.* Did you forget to specify values (.*)\?",
        "`url_for` needs a value for each part of the address of `{0}`: {1}. Check their spelling.",
    ),
    (
        r"BuildError: .*for endpoint '?(.*?)'?(?: with|\.(?:\s|$)|$)",
        "`url_for` expects the name of a function that has a route, in quotes. No such function is "
        "called `{0}`.",
    ),
    (
        r"no such table: (\w+)",
        "The database has no table `{0}`. Check its spelling. `db.create_all()` creates the tables, "
        "after their classes are defined.",
    ),
    (
        r"OperationalError: .*no (?:such column:|column named) (\S+)|"
        r"OperationalError: table \w+ has no column named (\S+)",
        "The table in your database has no column `{0}`, because `db.create_all()` does not change "
        "existing tables. Delete the folder `instance` to begin with an empty database.",
    ),
    (
        r"IntegrityError: .*(NOT NULL|UNIQUE) constraint failed: (.*)",
        "The database refuses the row: `{1}` must have a value (NOT NULL) that no other row has "
        "(UNIQUE). The rule that is broken is {0}.",
    ),
    (
        r"UnmappedInstanceError: Class '([\w.]+)' is not mapped",
        "The database stores objects of your model classes, but this is a `{0}`. Create such an "
        "object first, for example with `Message(…)`.",
    ),
    (
        r"could not assemble any primary key columns",
        "A table needs a column with `primary_key=True`, to tell its rows apart.",
    ),
    (
        r"app is not registered with this 'SQLAlchemy' instance",
        "The database isn't connected to the application. Is the line `db.init_app(app)` there?",
    ),
    (
        r"RuntimeError: Working outside of request context",
        "This line works only while Flask is handling a request or an event. Elsewhere, call "
        "`socketio.emit` instead of `emit`, and `with app.app_context():` gives access to the database.",
    ),
    (
        r"payload string too long",
        "PostgreSQL refuses a notification of 8,000 bytes or more. If an announcement is that long, "
        "announce only the number of the message.",
    ),
    (
        r"RuntimeError: Working outside of application context",
        "This line works only while Flask is handling a request, or inside `with "
        "app.app_context():`.",
    ),
    (
        r"Failed to find Flask application or factory",
        "`flask run` looks for a variable called `app`. Is `app = Flask(__name__)` there?",
    ),
    (
        r"Address already in use|[Pp]ort \d+ is (?:taken|in use)",
        "Another program uses this port. `python3 start.py ps` lists the servers that you left "
        "running, and `python3 start.py stop` stops them.",
    ),
]

# No line of the chat was running: a library made the call.
CALLED_BY_A_LIBRARY: Kinds = [
    (
        r"TypeError: (\w+)\(\) takes 0 positional arguments but 2 were given",
        "Your code returns `{0}` itself, not its result. Call it: are the parentheses `()` missing?",
    ),
    (
        r"TypeError: (\w+)\(\) takes (\d+) positional arguments? but (\d+)",
        "Flask-SocketIO passes the values that somebody emits with the event to `{0}`. Its `def` line "
        "needs one parameter for each of them, and `emit` sends one object.",
    ),
    (
        r"TypeError: (\w+)\(\) (?:missing|got an unexpected)",
        "Flask calls `{0}` with the parts of the address in `<…>`, or with the event's data. "
        "Compare them with the names in its `def` line.",
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
        r"Cannot (?:read|set) properties of undefined \(\w+ '(.*)'\)",
        "The value before `.{0}` is `undefined`: a property that does not exist, an argument that "
        "nobody passed, or the property of a promise, which needs `await`. An acknowledgement is what "
        "the server's handler returns. Check the spelling of the word before the dot.",
    ),
    (
        r"Cannot destructure property '(.*?)' of '.*' as it is (\w+)",
        "The braces take `{0}` out of a value, but that value is `{1}`.",
    ),
    (
        r"(\S+) is not iterable",
        "JavaScript needs a list here, but `{0}` is not a list.",
    ),
    (
        r"Cannot access '(.*)' before initialization",
        "`{0}` is used above the line that declares it with `const` or `let`. Move that line up.",
    ),
    (
        r"\b(True|False|None|print|len|str|self|and|or|not|elif|def) is not defined",
        "`{0}` is Python. In JavaScript, write `true`, `false`, `null`, `console.log(…)`, `.length`, "
        "`String(…)`, `this`, `&&`, `||` or `!`.",
    ),
    (
        r"\bio is not defined",
        "The browser client defines `io`. Its `<script>` is missing, or it comes after chat.js.",
    ),
    (
        rf"\b({ABSENT})(?: is not defined|\S* is not a (?:function|constructor))|"
        rf"\S*\.({ABSENT_METHODS}) is not a function",
        "A browser has `{0}{1}`, but the page that the checker runs does not. Your code may be right. "
        "Leave it out until the check has passed.",
    ),
    (
        r"(\S+) is not defined",
        "`{0}` is used but never declared. Compare its spelling with the line that declares it. "
        "JavaScript is case-sensitive. If another script declares it, load that one first.",
    ),
    (
        r"(?:undefined|null) is not a function",
        "JavaScript needs a function here, but the value is not a function. Pass the function by "
        "its name, without `()`.",
    ),
    (
        r"(this\.\S+) is not a function",
        "`{0}` is called as a function. Is its name spelled correctly? In a method that you pass to "
        "`on` or `addEventListener`, `this` is another object: pass `(value) => this.method(value)`.",
    ),
    (
        r"WebSocket connection to '(\w+://[^/']*).*' failed",
        "The page connects to `{0}`, which is not the server that it came from. Remove the address "
        "from `io(…)`: then the page always connects to its own server.",
    ),
    (
        r"(?:\w+ )?(\S+) is not a (?:function|constructor)",
        "`{0}` is called as a function, but there is no function of that name. Check its spelling, "
        "and the word before the dot. JavaScript is case-sensitive.",
    ),
    (
        r"Assignment to constant variable",
        "A variable that `const` declares cannot get a new value. Declare it with `let`.",
    ),
    (
        r"Missing initializer in const declaration",
        "A `const` needs its value at once: `const name = …`.",
    ),
    (
        r"Identifier '(.*)' has already been declared",
        "`{0}` is declared twice. Delete the second declaration, or give one of the two another "
        "name.",
    ),
    (
        r"Private field '(#\w+)' must be declared in an enclosing class",
        "If the class contains `{0}`, JavaScript cannot read the class to its end: further down, a "
        "bracket, comma or quote is missing, or there is one too many.",
    ),
    (
        r"missing \) after argument list",
        "The call is not closed where it should be: its `)` is missing, or there is no comma or "
        "quote before it.",
    ),
    (
        r"is not valid JSON|Unexpected end of JSON input|in JSON at position",
        "The text is not JSON. If it begins with `<`, the server answered with a page, perhaps an "
        "error page.",
    ),
    (
        r"Unexpected end of input",
        "The file ends while something is still open. A closing `}}`, `)` or backtick is missing.",
    ),
    (
        r"Invalid or unexpected token",
        "JavaScript cannot read the text at the mark. A closing quote may be missing, or a quote "
        "may be a curly one.",
    ),
    (
        r"await is only valid in async functions",
        "`await` works only in an async function: write `async` in front of the function that "
        "contains it.",
    ),
    (
        r"Unexpected token '<'",
        "JavaScript found HTML here. Either a tag is in the script, or the script's address leads "
        "to a page.",
    ),
    (
        r"Unexpected token 'export'|Cannot use import statement outside a module",
        '`import` and `export` work only in a module: `<script type="module" …>`.',
    ),
    (
        r"Unexpected (?:token|identifier|string|number|reserved word)",
        "JavaScript expects something else at the mark. A bracket, comma, operator or quote is "
        "missing before it, or the word before it is misspelled. JavaScript is "
        "case-sensitive.",
    ),
    (
        r"Illegal (return|break|continue) statement",
        "`{0}` is outside the function or loop that it belongs to. A brace may close too early.",
    ),
    (
        r"Invalid left-hand side in assignment",
        "Nothing can be assigned to the value before `=`. A comparison is written `===`.",
    ),
    (
        r"'([^']*)' is not a valid selector",
        "`{0}` is not a selector. `#name` finds an id, `.name` a class, and `name` a tag.",
    ),
    (
        r"parameter (\d+) is not of type '(\w+)'",
        "Argument {0} of the call must be a `{1}`. It may be `null`, because an element was not "
        "found.",
    ),
    (
        r"Failed to fetch|NetworkError",
        "The request reached no server. Is the server running, and is the address right?",
    ),
]


def meaning(kinds: Kinds, words: str) -> str:
    """Return what this kind of message means, or "" if the table does not contain it."""
    for pattern, sentence in kinds:
        if found := re.search(pattern, words):
            return sentence.format(*(group or "" for group in found.groups()))
    return ""
