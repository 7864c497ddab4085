"""From what a server printed to the likely cause, in one sentence for a learner."""

import ast
import re
from difflib import get_close_matches
from pathlib import Path

LOG_SAYS = "; the server's log says: "
UNKNOWN = (
    "Read what the server's log says: it names what is wrong, and the line of your chat where that came "
    "to light."
)
OWN = r'File "(?![^"]*(?:(?:site|dist)-packages|[Ll]ib[\\/]|<))'
OWN_FILE, OWN_PATH = OWN + r'(?:[^"]*[\\/])?([^"]+)"', OWN + r'([^"]+)"'
ALIKE = 0.8  # of 1, where every letter is the same

CAUSES: list[tuple[str, str]] = [
    (
        r"cannot import name '(\w+)' from '(\w+)' \(.*(?:site|dist)-packages",
        "`{1}` has no `{0}`: compare the import line with the step, letter by letter. Capitals count.",
    ),
    (
        r"partially initialized module '(\w+)'|cannot import name '(\w+)' from '(?:flask|socketio)\b",
        "A file of yours hides a library: no file in your folder may be called flask.py, "
        "socketio.py or flask_socketio.py. Rename it to app.py.",
    ),
    (
        r"No module named 'socketio_browser'",
        "The browser client is not installed here. Run `python3 start.py doctor` in the workshop's "
        "folder: it says how.",
    ),
    (
        r"No module named '(checks|models|accounts|files)'",
        "`{0}.py` is not in your chat yet: the cell with `bring(…)` copies it.",
    ),
    (
        r"No module named '([\w.]+)'",
        "Python finds no module `{0}`: either its name is misspelt in the import line, or this is "
        "not the environment that has it (`python3 start.py doctor` tells).",
    ),
    (
        OWN_FILE + r", line (\d+)\n(?:.*\n){0,4}?(?:IndentationError|TabError): (.*)",
        "Line {1} of {0} is indented wrongly: the body of a function stands four spaces in, "
        "a decorator and `def` stand at the left edge.",
    ),
    (
        OWN_FILE + r", line (\d+)\n\s*@.*:\n(?:.*\n){0,3}?SyntaxError: ",
        "Line {1} of {0}: no colon behind a decorator. It stands behind `def …`, the line below.",
    ),
    (
        OWN_FILE + r", line (\d+)\n(?:.*\n){0,4}?SyntaxError: (.*)",
        "Python cannot read line {1} of {0} ({2}). Compare that line and the one above it with "
        "the step: a colon, a quote or a bracket is missing, or one too many.",
    ),
    (
        r"<bound method \w+\.(\w+) of",
        "`{0}` is named there, and not called: are the brackets `()` missing behind it?",
    ),
    (
        r"Failed to find Flask application or factory",
        "`flask run` looks for a variable called `app`. Is `app = Flask(__name__)` there?",
    ),
    (
        r"(?i)urls? (?:rule .*)?must start with a (?:leading )?slash",
        'An address in `@app.route(…)` must begin with a slash: `"/chat"`, not `"chat"`.',
    ),
    (
        r"TemplateNotFound: (\S+)",
        "Flask looks for `{0}` in a folder called `templates` beside app.py. "
        "Is the folder spelt with an s, and the file exactly so?",
    ),
    (
        r"TemplateSyntaxError: .*innermost block that needs to be closed is '(\w+)'",
        "A template is not at its end: every {{% {0} … %}} needs its {{% end{0} %}}.",
    ),
    (
        r"TemplateSyntaxError: (unexpected '.', expected '.'|unexpected '[{}%]'|"
        r"expected token 'end of .*)",
        "A gap in a template cannot be read ({0}): two braces on each side, with a name or a call "
        "between them, `{{{{ username }}}}`; or `{{% … %}}`.",
    ),
    (
        r"TemplateSyntaxError: (.*)",
        "A template cannot be read: {0} Compare that line with the step, sign by sign.",
    ),
    (
        r"BuildError: Could not build url for endpoint 'socketio_browser",
        "The page asks for the browser client, and the application does not know it: is "
        "`app.register_blueprint(socketio_browser)` there?",
    ),
    (
        r"BuildError: Could not build url for endpoint 'static'",
        "A static file is asked for by its `filename`, spelt so: "
        "`url_for('static', filename='style.css')`.",
    ),
    (
        r"BuildError: Could not build url for endpoint '([^']*)'",
        "`url_for` wants the name of a function, not an address: {0!r} is none.",
    ),
    (
        r"View function mapping is overwriting an existing endpoint function: (\w+)",
        "Two functions are called `{0}`, and each has an `@app.route(…)`. Give the second one a name "
        "of its own, or take it out, if it is there twice.",
    ),
    (
        r"The view function for '(\w+)' did not return a valid response",
        "`{0}` returns nothing. Does its last line begin with `return`?",
    ),
    (
        r"ValueError: invalid literal for int\(\)",
        "What comes from outside may be anything, and no number: `request.args.get(…, type=int)` "
        "takes the other value then.",
    ),
    (
        r"url_for\((\w+)[,)](?:.*\n)*?TypeError: 'function' object",
        '`url_for` wants the function\'s name as a text: `url_for("{0}")`.',
    ),
    (
        r"\b(\w+)\.html\b(?:.*\n)*?(?:AttributeError: .* 'html'|NameError: name '\1')",
        'The name of a file is a text: `"{0}.html"`.',
    ),
    (
        r"\[(\w+)\].*\n(?:\s*[~^]+\n)?NameError: name '\1' is not defined",
        "`{0}` in square brackets would be a variable, and there is none: a key is a text, "
        '`["{0}"]`.',
    ),
    (
        r"NameError: name '([A-Z_]+)' is not defined",
        "`{0}` is used, but nothing defines it (any more): the line `{0} = …` is missing, or a page "
        "still uses what a later step took away.",
    ),
    (
        r"NameError: name '(true|false|null)' is not defined",
        "`{0}` is JavaScript; Python writes `True`, `False` and `None`.",
    ),
    (
        r"NameError: name 'username' is not defined",
        "`username` is used where nothing sets it. Up to step 07 it comes from the address, or from "
        "what `connect` was told; from 08 on there is none: it is `known().username`.",
    ),
    (
        r"NameError: name '(\w+)' is not defined\. Did you mean: '(\w+)'",
        "`{0}` is used but never imported or defined. Do you mean `{1}`? If not: is it in the "
        "import line at the top?",
    ),
    (
        r"NameError: name '(\w+)' is not defined",
        "`{0}` is used but never imported or defined. Is it in the import line at the top, and spelt "
        "the same in both places?",
    ),
    (
        r"\.format\((?:.*\n)*?KeyError: '(\w+)'",
        "The text has a gap `{{{0}}}` that `.format(…)` does not fill: take the gap out, or give "
        "`{0}=…` to `format`.",
    ),
    (
        r"TypeError: (?:Object of type \w*(?:function|method)\w* is not JSON|"
        r".*\bnot '?(?:builtin_)?(?:function|method)\b)",
        "A function stands where what it gives is wanted: are the brackets `()` missing behind it?",
    ),
    (
        OWN_FILE + r", line \d+, in (\w+)\n\s+raise (\w+)\((?:.*\n)*?\S*\3: ",
        "`{1}` raises {2}, and nobody makes an answer of it: what is only raised never reaches who "
        "sent it; it must be returned. Is `@socketio.on_error_default` above the function that does?",
    ),
    (
        r"KeyError: '[\w-]{20}'",
        '`handle_connect` has not noted this connection: is `@socketio.on("connect")` above it, and '
        "does it reach the line `sockets[request.sid] = …`?",
    ),
    (
        r"KeyError: 'username'",
        "From step 06 on a message does not say who wrote it. Take the name from the connection: "
        "what `connect` kept for `request.sid`.",
    ),
    (
        r"UndefinedError: 'csrf_token' is undefined",
        "Templates know `csrf_token` where `CSRFProtect(app)` is there, of flask_wtf. Is it?",
    ),
    (
        r"UndefinedError: '(\w+)' is undefined",
        "The template uses `{0}`, which `render_template` was not given: or is it misspelt?",
    ),
    (
        r"UndefinedError: '.* object' has no attribute '(\w+)'",
        "A template asks for `.{0}` of something that has none. Where a `<template>` shows a macro's "
        "line with an example, the example needs a `{0}`, too.",
    ),
    (
        r"AttributeError: 'NoneType' object has no attribute '(\w+)'",
        "There is nothing here (None) that could have a `{0}`. Ask first whether anything was found: "
        "`if not …:`, and answer that.",
    ),
    (
        r"AttributeError: 'dict' object has no attribute '(\w+)'",
        'What stands in a dictionary is asked for in brackets: `["{0}"]`, not `.{0}`.',
    ),
    (
        r"AttributeError: (.*)",
        "A word behind a dot is misspelt: {0}.",
    ),
    (
        r"TypeError: (\w+)\(\) takes 0 positional arguments but 2 were given",  # as WSGI calls
        "`{0}` is returned, and not what it gives: are the brackets `()` missing behind it?",
    ),
    (
        r"handler\(.*\)\n(?:\s*[~^]+\n)?TypeError: (\w+)\(\) takes \d+ positional",
        "`{0}` must take what the event carries: give the function one parameter.",
    ),
    (
        r"TypeError: (\w+)\(\) (?:takes|missing) \w+ (?:required )?positional",
        "The call of `{0}` and its `def` line do not agree: compare what stands in the brackets.",
    ),
    (
        r"TypeError: unsupported format string passed to NoneType",
        "A message has neither number nor time yet: it has both only when it is stored. "
        "`db.session.add(…)`, then `db.session.commit()`, and only then `as_dict()`.",
    ),
    (
        r"Multiple head revisions are present",
        "Two migrations come after the same one: in the newer one, `down_revision` is the `revision` of "
        "the other.",
    ),
    (
        r"ArgumentError: Only '=', '!='.* None",
        "What is compared there is None. If a function of yours gives it: does it end with `return`?",
    ),
    (
        r"TypeError: (.*)",
        "A function is called with what it does not take: {0}.",
    ),
]


def diagnose(log: str) -> str:
    """Return a hint for the newest error in a server's log."""
    newest = log.rpartition("Traceback (most recent call last)")
    text = _with_names_alike(newest[2] if newest[1] else log)
    for pattern, hint in CAUSES:
        found = re.search(pattern, text)
        if found:
            return hint.format(*(group or "" for group in found.groups()))
    return UNKNOWN


def _with_names_alike(log: str) -> str:
    """Ask "Did you mean …?" of a NameError as newer Pythons do, in the same words."""
    unknown = re.search(r"NameError: name '(\w+)' is not defined$", log, re.MULTILINE)
    files = re.findall(OWN_PATH, log)
    if not unknown or not files:
        return log
    try:
        tree = ast.parse(Path(files[-1]).read_text(encoding="utf-8"))
    except (OSError, SyntaxError):  # it was changed meanwhile
        return log
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {unknown[1]}
    same = [name for name in names if name.casefold() == unknown[1].casefold()]
    near = same or get_close_matches(unknown[1], sorted(names), n=1, cutoff=ALIKE)
    asked = f". Did you mean: '{near[0]}'?" if near else ""
    return log[: unknown.end()] + asked + log[unknown.end() :]


def cause(log: str, otherwise: str) -> str:
    """Return the hint for an error in the log, or `otherwise` when the log has none."""
    return diagnose(log) if "Traceback" in log else otherwise


def last_error(log: str) -> str:
    """Return the last line that names an error, with the last line of the chat it came from."""
    errors: list[str] = re.findall(r"^(?:[\w.]+\.)?\w*(?:Error|Exception|NotFound)\b.*$", log, re.M)
    places = re.findall(OWN_FILE + r", line (\d+)", log)
    error = errors[-1] if errors else (log.strip().splitlines() or ["(nothing)"])[-1]
    return "{} ({}, line {})".format(error, *places[-1]) if places else error
