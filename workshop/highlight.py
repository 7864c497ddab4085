"""Show code as HTML in a notebook, with syntax colours, and with marks that are not copied."""

import html
from collections.abc import Iterable
from functools import cache
from itertools import groupby

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_for_filename
from pygments.token import Comment, Keyword, Name, Number, Operator, String, _TokenType
from pygments.util import ClassNotFound

CODE = (  # JupyterLab would break lines inside words; with this style, long lines scroll
    "margin: 0; padding: .4em 0; font-family: var(--jp-code-font-family, monospace); "
    "font-size: var(--jp-code-font-size, 13px); line-height: 1.4; white-space: pre; "
    "word-break: normal; overflow-wrap: normal; "
    "background: transparent; width: max-content; min-width: 100%"
)
TINT = {
    "+": "background: rgba(46,160,67,.17)",
    "-": "background: rgba(218,54,51,.15)",
    "|": "background: rgba(56,132,244,.14)",
    " ": "",
}
# The reader cannot select a mark, so it is not copied with the code.
MARK = "user-select: none; -webkit-user-select: none; opacity: .75; margin-right: .6ch"
JINJA = "page.html.j2"  # a name from which Pygments concludes that a page is a template
# JupyterLab's own colours for code, which follow its theme. Elsewhere, colours for a light page apply.
COLOURS: list[tuple[_TokenType, str]] = [
    (Comment.Preproc, "var(--jp-mirror-editor-keyword-color, #7a1fa2)"),  # {{ and {% of a template
    (Comment, "var(--jp-mirror-editor-comment-color, #2f6f6f)"),
    (Keyword, "var(--jp-mirror-editor-keyword-color, #7a1fa2)"),
    (Operator.Word, "var(--jp-mirror-editor-keyword-color, #7a1fa2)"),
    (Name.Tag, "var(--jp-mirror-editor-keyword-color, #7a1fa2)"),
    (Name.Function, "var(--jp-mirror-editor-def-color, #1f4fbf)"),
    (Name.Class, "var(--jp-mirror-editor-def-color, #1f4fbf)"),
    (Name.Decorator, "var(--jp-mirror-editor-meta-color, #7a1fa2)"),
    (String, "var(--jp-mirror-editor-string-color, #a31515)"),
    (Number, "var(--jp-mirror-editor-number-color, #1a6b1a)"),
]


def pre(rows: str) -> str:
    return f'<pre style="{CODE}">{rows}</pre>'


def row(content: str, style: str = "") -> str:
    """Return one line as HTML. `content` is also HTML."""
    return f'<div style="{style}; padding: 0 .8em">{content or " "}</div>'


def code_rows(lines: Iterable[tuple[str, str]]) -> str:
    """Return lines of code as HTML, each with its own style."""
    return pre("".join(row(html.escape(line), style) for line, style in lines))


def code_block(text: str) -> str:
    """Return lines of code as HTML that scrolls if there is not enough space."""
    rows = code_rows((line, "") for line in text.splitlines())
    return f'<div style="overflow-x: auto">{rows}</div>'


def coloured_rows(code: str, file: str) -> str:
    """Return lines of a file as HTML, in the colours of its language."""
    return pre("".join(row(line) for line in coloured(code, file).split("\n")))


def diff_row(line: str, file: str) -> str:
    """Return a line of a difference as HTML. Its first character is its mark: "+", "-", " " or "|"."""
    mark = html.escape(line[:1] or " ")
    return row(
        f'<span style="{MARK}">{mark}</span>{coloured(line[1:], file)}', TINT.get(line[:1], "")
    )


def coloured(code: str, file: str) -> str:
    """Return code as HTML, each line with its own elements, so that it can be split into lines.

    Code in an unknown language has no colours.
    """
    lexer = _lexer(file)
    if not lexer:
        return html.escape(code)
    parts = []
    for colour, tokens in groupby(lexer.get_tokens(code), key=lambda token: _colour(token[0])):
        lines = html.escape("".join(text for _, text in tokens)).split("\n")
        style = f'<span style="color: {colour}">' if colour else ""
        parts.append(
            "\n".join(f"{style}{each}</span>" if style and each else each for each in lines)
        )
    return "".join(parts).rstrip("\n")


def _colour(kind: _TokenType) -> str:
    return next((colour for kinds, colour in COLOURS if kind in kinds), "")


@cache
def _lexer(file: str) -> Lexer | None:
    name = JINJA if file.endswith(".html") else file
    try:
        return get_lexer_for_filename(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
