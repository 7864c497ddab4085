"""What a learner reads if something fails: the console's message, its location, and an explanation."""

import builtins
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from workshop import paths
from workshop.checks import kinds, near_misses

LOG_SAYS = "; the server's log says: "
UNKNOWN = (
    "The error message names the problem. Compare the place where the error occurred with the code in "
    "the notebook."
)
BEGIN = "Traceback (most recent call last)"
PRINTED_IN = 1.0  # seconds that a server may take to print a traceback
ACCESS = re.compile(r"[\w.:]+ - - \[")
FRAME = re.compile(r'  File "(.*?)", line (\d+)(?:, in (.+))?$')
ERROR = re.compile(
    r"(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|NotFound|Exit|Refused)\b|Error:"
)
LIBRARY = re.compile(
    r"(?:site|dist)-packages|[/\\][Ll]ib(?:64)?[/\\]python|[/\\]Lib[/\\]|^<|"
    r"^src[/\\]"  # where the compiled modules of gevent were built
)
MIGRATIONS = re.compile(r"[/\\]alembic[/\\]script[/\\]")  # the code that reads and orders them
OF_THE_WORKSHOP = ("workshop", "final_app")  # a learner's final_app is a copy in another folder
MOST_CODE = 6  # lines of one statement that are shown


@dataclass(frozen=True)
class Report:
    """An error, as the browser's console or the server's log reports it.

    `line` and `column` count from 1. The value 0 means that the position is unknown. `code` is the
    line of code, with the caret or the marks below it, if there are any. `meaning` is "" if the tables
    do not contain this kind of message.
    """

    words: str
    file: str = ""  # from the chat's folder: "static/chat.js"
    line: int = 0
    column: int = 0
    code: str = ""
    meaning: str = ""

    @property
    def place(self) -> str:
        """The location, such as "static/chat.js:12:5", or "" if it is not in a file of the chat."""
        numbers = [str(number) for number in (self.line, self.column) if number]
        return ":".join([self.file, *numbers]) if self.file else ""

    def __str__(self) -> str:
        return "\n".join(part for part in (self.words, self.place, self.code) if part)


def from_script(
    message: str, file: str = "", line: int = 0, column: int = 0, source_line: str = ""
) -> Report:
    """Return a report of an error in a page's script. `file` can be an address."""
    file = urlsplit(file).path.lstrip("/")
    code = source_line.rstrip("\r\n")
    if code and column:
        before = "".join("\t" if sign == "\t" else " " for sign in code[: column - 1])
        code = f"{code}\n{before}^"
    pasted = near_misses.pasted(source_line) if "SyntaxError" in message else ""
    said = pasted or kinds.meaning(kinds.SCRIPT, message)
    return Report(message, file, line, column, code, said)


def from_log(log: str, folder: Path | None = None) -> Report | None:
    """Return the newest error in a server's log, or None if there is none.

    The report's location is the last line of the traceback that belongs to the chat. `folder` is the
    folder of the chat, and by default that of the learner's chat.
    """
    words, frames = _newest(log)
    if not words:
        return None
    own = [frame for frame in frames if frame.is_own]
    if not own:
        said = kinds.meaning(kinds.PYTHON, words)
        return _defined(Report(words, meaning=said), folder or paths.my_chat())
    last = own[-1]
    if any(MIGRATIONS.search(str(frame.path)) for frame in frames[frames.index(last) + 1 :]):
        return Report(words, meaning=kinds.MIGRATIONS)
    said = _pasted(words, last)
    if missing := re.search(r"TemplateNotFound: (\S+)", words):
        said = near_misses.instead_of(folder or paths.my_chat(), f"templates/{missing[1]}")
    said = said or kinds.meaning(kinds.PYTHON, words)
    kind = words.partition(":")[0].rpartition(".")[2]
    # Otherwise, the `raise` itself fails, for example with a TypeError.
    is_meant = kind in last.code or not hasattr(builtins, kind)
    if last is frames[-1] and last.code.lstrip().startswith("raise ") and is_meant:
        said = kinds.NOT_CAUGHT.format(last.function, kind)
    return Report(words, last.file, last.line, 0, last.code, said)


def in_template(folder: Path, text: str, words: str = "", first: str = "") -> Report:
    """Return a report with the place of a text in the templates.

    The search begins with the template called `first`. If no template contains the text, the report
    has no location.
    """
    for path in sorted(folder.glob("templates/*.html"), key=lambda each: each.name != first):
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
            if text in line:
                return Report(words, path.relative_to(folder).as_posix(), number, 0, line.strip())
    return Report(words)


def complete(read: Callable[[], str]) -> str:
    """Return the log that `read` returns, once the server has printed its last traceback."""
    end = time.monotonic() + PRINTED_IN
    while BEGIN in (log := read()) and not _newest(log)[0] and time.monotonic() < end:
        time.sleep(0.01)
    return log


def diagnose(log: str) -> str:
    """Return what the newest error in a server's log means."""
    report = from_log(log)
    said = report.meaning if report else kinds.meaning(kinds.PYTHON, last_error(log))
    return said or UNKNOWN


def last_error(log: str) -> str:
    """Return the newest error's message and location, or the log's last line if there is no error."""
    report = from_log(log)
    if not report:
        return (log.strip().splitlines() or ["(nothing)"])[-1]
    return f"{report.words} ({report.file}, line {report.line})" if report.file else report.words


@dataclass(frozen=True)
class _Frame:
    path: Path
    line: int
    function: str
    code: str

    @property
    def is_own(self) -> bool:
        given = any(self.path.is_relative_to(paths.ROOT / name) for name in OF_THE_WORKSHOP)
        return not given and not LIBRARY.search(str(self.path))

    @property
    def file(self) -> str:
        """The path relative to the chat's folder, such as "templates/chat.html"."""
        for parent in self.path.parents:
            if (parent / "app.py").is_file() or parent.name == "final_app":
                return self.path.relative_to(parent).as_posix()
        return self.path.name


def _newest(log: str) -> tuple[str, list[_Frame]]:
    """Return the last error's message and its frames, the outermost first."""
    _, traceback, rest = log.rpartition(BEGIN)
    lines = rest.splitlines()[1:] if traceback else rest.splitlines()
    lines = [line for line in lines if not ACCESS.match(line)]  # another thread's, in between
    outside = [n for n, line in enumerate(lines) if line[:1].strip()]
    # Below a traceback, the first line that is not indented is the error, whatever it is called.
    named = outside[:1] if traceback else [n for n in outside if ERROR.match(lines[n])][-1:]
    if not named:
        return "", []
    return lines[named[0]].strip(), list(_frames(lines[: named[0]]))


def _frames(lines: list[str]) -> Iterator[_Frame]:
    for number, line in enumerate(lines):
        if found := FRAME.match(line):
            code: list[str] = []
            for below in lines[number + 1 :]:
                if not below.startswith("    ") or len(code) == MOST_CODE:
                    break
                code.append(below[4:].rstrip())
            path, at, function = found.groups()
            if not path.endswith(".py"):  # in a template, marks are always at the beginning
                code = code[:1]
            yield _Frame(Path(path), int(at), function or "", "\n".join(code))


def _defined(report: Report, folder: Path) -> Report:
    """If a report has no location, add the location of the function that it names."""
    named = re.match(r"TypeError: (?:The view function for ')?(\w+)(?:\(\)|')", report.words)
    if not named:
        return report
    for path in sorted(folder.glob("*.py")):
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
            if re.match(rf"\s*def {named[1]}\(", line):
                return Report(report.words, path.name, number, 0, line.strip(), report.meaning)
    return report


def _pasted(words: str, frame: _Frame) -> str:
    """Find marks that were pasted with the code: in all lines, in the frame's line, or above it."""
    if not re.match(r"SyntaxError|IndentationError", words):
        return ""
    try:
        text = frame.path.read_text("utf-8", "replace")
    except OSError:
        return ""
    near = text.splitlines()[max(frame.line - 2, 0) : frame.line]
    said = (near_misses.pasted(part) for part in (text, *reversed(near)))
    return next(filter(None, said), "")
