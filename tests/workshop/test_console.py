"""What a learner reads about an error: its message, its location, the marked line, and its meaning.

Every error here is real: the tests run the broken lines, and report what they raise.
"""

import io
import logging
import re
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from workshop.checks.console import Report, from_log, from_script

Run = Callable[[str], Report]

WEB = "from flask import *\napp = Flask(__name__)\n"
TABLE = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
class Base(DeclarativeBase): pass
db = SQLAlchemy(model_class=Base)
class Message(db.Model):
    seq: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(unique=True)
app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
db.init_app(app)
"""
ROUTE = "@app.route('/')\ndef index():\n"
SAVE = "    db.session.add({})\n    db.session.commit()\n    return 'saved'\n"

# what is broken, the line of app.py that is named, and a piece of the meaning
PYTHON = [
    ("import flsk", 1, "cannot find `flsk`"),
    ("import sys\nfrom flask import flask", 2, "cannot find `flask`"),
    ("def f():\nreturn 1", 2, "indented wrongly"),
    ("import sys\nx = (1,\ny = 2\n", 2, "cannot read the line at the mark"),
    ("x y z", 1, "cannot read the line at the mark"),
    ("import json\njson.dumps({'a': {1}})", 2, "A `set` cannot be sent as JSON"),
    ("ok = true", 1, "Python's own words are `True`"),
    ("from flask import Flask\nflsk", 2, "`flsk` is used but never"),
    ("name = None\nname.strip()", 2, "A value is None here"),
    ("x = None\nx['a']", 2, "A value is None here"),
    ("m = {}\nm.text", 2, '`["text"]`'),
    ("def f(): pass\nf.text", 2, "Are the parentheses `()` after its name missing?"),
    ("import json\njson.dumps({'a': 'a'.upper})", 2, "the parentheses `()` after its name missing?"),
    ("import sys\nsys.exectable", 2, "There is no `exectable`"),
    ("'a'.stirp()", 1, "There is no `stirp`"),
    ("def f(a): pass\nf()", 2, "does not match its"),
    ("def f(a): pass\nf(b=1)", 2, "does not match its"),
    ("m = {}\nm['text']", 2, "no value for 'text'"),
    ("[][0]", 1, ""),  # a message that nothing explains is shown as it is
    ("names = {}\nnames[{}] = 1", 2, ""),
    (WEB + ROUTE + "    1", 4, "`index` returns nothing"),
    (WEB + ROUTE + "    pass\n@app.route('/a')\ndef index(): pass", 6, "called `index`"),
    (WEB + ROUTE + "    return render_template('chat.html')", 5, "Flask looks for `chat.html`"),
    (WEB + ROUTE + "    return render_template_string('{% for x in y %}')", 5, "{% end… %}"),
    (WEB + ROUTE + "    return render_template_string('{{ x }')", 5, "cannot read the template"),
    (WEB + ROUTE + "    return render_template_string('{{ x.y }}')", 5, "that nothing has set"),
    (WEB + ROUTE + "    return url_for('chat')", 5, "the name of a function that has a route"),
    (WEB + ROUTE + "    return url_for('socketio_browser.static')", 5, "register_blueprint"),
    (TABLE + ROUTE + SAVE.format("Message(text='a')"), 16, "creates the tables"),
    (TABLE + ROUTE + "    db.commit()", 15, "as `session` is in `db.commit()`"),
    (TABLE.replace("db.init_app(app)", "db.init_app(app)\ndb.create_all()"), 13, "app.app_context()"),
    (WEB + "class Refused(Exception): pass\ndef check():\n    raise Refused\n" + ROUTE + "    check()",
     5, "`check` raises `Refused`"),
    # The class is not on the line with `raise`.
    (WEB + "class Refused(Exception): pass\ndef check(error):\n    raise error\n" + ROUTE
     + "    check(Refused())", 5, "`check` raises `Refused`"),
    # The `raise` itself fails.
    ("class Refused(Exception):\n    def __init__(self, code): pass\nraise Refused()",
     3, "does not match its"),
]  # fmt: skip


@pytest.fixture
def only_its_own_errors() -> Iterator[None]:
    """Another test in this process may have imported the finished chat, which listens to all engines."""
    names = ("final_app.storage.sqlite", "final_app.storage.postgresql")
    imported = [sys.modules[name] for name in names if name in sys.modules]
    for module in imported:
        event.remove(Engine, "handle_error", module._explain)
    yield
    for module in imported:
        event.listen(Engine, "handle_error", module._explain)


@pytest.fixture
def run(tmp_path: Path, only_its_own_errors: None) -> Run:
    """Return a function that runs this app.py, requests its front page, and reads the log."""

    def failing(source: str) -> Report:
        app = tmp_path / "app.py"
        app.write_text(source, encoding="utf-8")
        log = io.StringIO()
        try:
            flask = runpy.run_path(str(app)).get("app")
            if flask:
                flask.logger.addHandler(logging.StreamHandler(log))
                flask.test_client().get("/")
        except Exception:
            log.write(traceback.format_exc())
        report = from_log(log.getvalue(), tmp_path)
        assert report, f"nothing failed: {log.getvalue()}"
        return report

    return failing


@pytest.mark.parametrize(("source", "line", "meaning"), PYTHON)
def test_an_error_of_python_has_its_line_and_its_meaning(
    run: Run, source: str, line: int, meaning: str
) -> None:
    report = run(source)
    assert (report.file, report.line) == (("app.py", line) if line else ("", 0)), report
    assert meaning in report.meaning and bool(meaning) == bool(report.meaning), report
    named = source.splitlines()[line - 1].strip() if line else ""
    assert report.code.partition("\n")[0].strip() == named
    assert report.words.partition(":")[0].rpartition(".")[2][:1].isupper()


def test_a_line_that_is_printed_inside_a_traceback_does_no_harm() -> None:
    frame = '  File "/home/ada/chat/app.py", line 3, in check\n    raise Refused()\n'
    report = from_log(
        f"Traceback (most recent call last):\n{frame}(a message\nRefused: Too long.\n"
    )
    assert report and report.line == 3


# what is broken, the line and column that V8 names, and a piece of the meaning
SCRIPT = [
    (
        "const form = null;\nform.reset();",
        2,
        6,
        "`querySelector` or `getElementById` found nothing",
    ),
    ("const log = null;\nlog.textContent = 1;", 2, 17, "the value before `.textContent`"),
    ("const message = {};\nmessage.author.name;", 2, 16, "A value is `undefined`"),
    ("const { a } = null;", 1, 9, "A value is `undefined`"),
    ("show;\nconst show = 1;", 1, 1, "`show` is used but never declared, or above"),
    ("\n  shwo();", 2, 3, "`shwo` is used but never declared"),
    ("[1].forEach(undefined);", 1, 5, "its name without `()`"),
    ("const form = {};\nform.rset();", 2, 6, "`form.rset` is called"),
    ("const Thing = () => {};\nnew Thing();", 2, 1, "`Thing` is called"),
    ("const last = 1;\nlast = 2;", 2, 6, "with `let`"),
    ("let a;\nlet a;", 2, 5, ""),  # the message says by itself what is wrong
    ("String(1;", 1, 8, "cannot read the script at the mark"),
    ("function f() {\n  f();\n", 3, 0, "cannot read the script at the mark"),
    ("const a = 'Hello;", 1, 11, "cannot read the script at the mark"),
    ("<b>Hello</b>", 1, 1, "a tag is in the script"),
    ("Const a = 1;", 1, 7, "JavaScript is case-sensitive"),
    ("class A {\n  a() { this.#b(); }\n  c() { d); }\n  #b() {}\n}", 2, 13, "further down"),
    ("+const a = 1;", 1, 2, "marks an added line"),
    ("throw new Error('no kind at all');", 1, 0, ""),
]


def judge(report: Report, source: str, line: int, column: int, meaning: str) -> None:
    """Compare a report with the mistake. At the end of a file, there is no character to mark."""
    assert meaning in report.meaning and bool(meaning) == bool(report.meaning), report
    assert report.line == line and column in (0, report.column), report
    assert report.file == "static/chat.js"
    named, _, mark = report.code.partition("\n")
    assert named == (source.split("\n")[line - 1])
    assert not column or mark == " " * (column - 1) + "^"


@pytest.mark.parametrize(("source", "line", "column", "meaning"), SCRIPT)
def test_an_error_of_a_script_has_its_place_and_its_meaning(
    source: str, line: int, column: int, meaning: str
) -> None:
    """This uses V8 alone. tests/browser also runs these scripts in Chromium."""
    racer = pytest.importorskip("py_mini_racer", reason="needs mini-racer: pip install mini-racer")
    with pytest.raises((racer.JSEvalException, racer.JSParseException)) as raised:
        racer.MiniRacer().eval(source)
    told = re.match(r"<anonymous>:(\d+): (.*)\n(.*)\n( *)\^", str(raised.value))
    assert told, str(raised.value)
    report = from_script(
        told[2],
        "static/chat.js",
        int(told[1]),
        len(told[4]) + 1,
        source.split("\n")[int(told[1]) - 1],
    )
    judge(report, source, line, column, meaning)


def test_what_only_a_browser_has_is_not_called_a_mistake() -> None:
    assert "may be right" in from_script("ReferenceError: FileReader is not defined").meaning
    assert "may be right" in from_script("TypeError: box.animate is not a function").meaning


def test_an_address_becomes_the_files_name_and_a_tab_stays_a_tab() -> None:
    report = from_script(
        "TypeError: x", "http://127.0.0.1:5000/static/chat.js?v=2", 3, 3, "\t\tx();"
    )
    assert report.place == "static/chat.js:3:3"
    assert report.code == "\t\tx();\n\t\t^"
    assert str(report) == "TypeError: x\nstatic/chat.js:3:3\n\t\tx();\n\t\t^"
