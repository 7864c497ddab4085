"""The views that a notebook shows: code and changes from the steps, live pages, packets and others.

Every view has two forms. A running notebook shows the HTML. The text contains no port, id or time, so
it is always the same. The text is stored in the notebook for the tests, and for readers who do not run
the notebook.
"""

import html
import re
from collections.abc import Iterable
from urllib.parse import quote

import socketio
from IPython.display import display

from workshop import changes, embed, manifest, paths
from workshop.changes import Hunk
from workshop.clients import frame_text, meaning, tape_of
from workshop.highlight import coloured_rows, diff_row, pre
from workshop.stages import Stage, locate

LONG_FILE = 80  # lines; a longer change to a file is folded
PAGE_HEIGHT = 260  # CSS pixels; enough for a heading and a line or two
CHAT_HEIGHT = 420  # CSS pixels; enough for a chat with some messages
ONLY_YOURS = (
    "A line with | is only in your chat. Keep your own work, unless the text says otherwise, and "
    "remove typos. If a + line replaces one of yours, merge the two."
)

# Where the exercise of a lab is.
LAB_FOLDERS = {
    "17": "mine/final_app",
    "18": "mine/speed",
    "19": "mine/attack",
    "20": "mine/processes",
}

BOX = "border: 1px solid rgba(128,128,128,.4); border-radius: 6px; margin: .5em 0; overflow: hidden"
HEAD = (
    "padding: .3em .8em; font-weight: 600; border-bottom: 1px solid rgba(128,128,128,.3); "
    "overflow-wrap: anywhere"
)
WORDS = "padding: .2em .4em"  # aligns a sentence with the text that a cell prints
CELL = "padding: .3em .8em; line-height: 1.4; text-align: left; vertical-align: top"
LONG_CODE = '<code style="white-space: pre-wrap; overflow-wrap: anywhere">'  # breaks long lines


class View:
    """What a cell shows: `markup` (HTML) in a notebook, and `text` everywhere else."""

    def __init__(self, text: str, markup: str) -> None:
        self.text = text
        self.markup = markup

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": self.text, "text/html": self.markup}


def show(where: str, file: str, *names: str) -> View:
    """Show a file of a stage, or only the pieces of the file called `names`.

    `where` is a step ("05_broadcast") or "mine". In a Python file, a piece is a function or a class, for
    example. In other files, it is a block whose first line contains the name. If there is no such file
    or piece, raises LookupError, which lists those that exist.
    """
    label, folder = locate(where)
    files = changes.lesson_files(folder)
    if file not in files:
        raise LookupError(f"{label} has no {file!r}. It has: {', '.join(files)}.")
    text = files[file]
    lines = text.splitlines()
    spans = [changes.piece(text, file, name) for name in names] or [(0, len(lines))]
    code = "\n\n".join("\n".join(lines[start:end]) for start, end in spans)
    return View(f"{_path(label, file)}\n{code}", box(coloured_rows(code, file), _path(label, file)))


def show_change(where: str, *what: str) -> View:
    """Show what a step changes: everything, only one file, or only one function of a file.

    For example, show_change("05_broadcast") or show_change("05_broadcast", "app.py",
    "handle_new_message"). To show the changes from one stage to another, call show_change("mine",
    "05_broadcast").
    """
    if what and (what[0] == "mine" or re.match(r"\d\d_", what[0])):
        return change_between(where, what[0], what[1:])
    step = manifest.step(where)
    return diff_view(changes.step_change(step.name), step.name, what)


def change_between(old: str, new: str, only: tuple[str, ...] = ()) -> View:
    """Show the changes from one stage to another. Each is a step or "mine"."""
    if "mine" in (old, new) and not (paths.my_chat() / "app.py").is_file():
        return sentence("You have not started your chat yet: mine/chat/app.py does not exist.")
    (old, old_folder), (new, new_folder) = locate(old), locate(new)
    title = f"from {old} to {new}"
    if "mine" not in (old, new):
        return diff_view(changes.folder_change(old_folder, new_folder), title, only)
    mine, other = (old_folder, new_folder) if old == "mine" else (new_folder, old_folder)
    alone = changes.only_in(mine, other)
    came_from = _step_before(new) if old == "mine" else None
    every = changes.own_change(old_folder, new_folder, came_from)
    hunks = [hunk for hunk in every if hunk.file not in alone]
    view = diff_view(hunks, title, only, is_folded=not only)
    chosen = choose(hunks, only)
    if any(h.own for h in chosen) and any(only or h.added or h.removed for h in chosen):
        view = _with_line(view, ONLY_YOURS)
    if only or not alone:
        return view
    return _with_line(view, f"Only your chat has these files: {', '.join(alone)}")


def _step_before(name: str) -> dict[str, str]:
    """Return the files of the previous step, from which the learner started. Step 01 has none."""
    before = manifest.before(manifest.step(name))
    return changes.lesson_files(before.folder) if before else {}


def diff_view(
    hunks: list[Hunk], title: str, only: tuple[str, ...] = (), *, is_folded: bool = False
) -> View:
    """Show all hunks, only those of one file, or only those of one function in a file.

    If `is_folded` is true, each file at first shows only how much there is to type. The lines appear
    when the reader opens it.
    """
    chosen = choose(hunks, only)
    if only and not chosen:
        raise LookupError(
            f"{title} changes nothing in {' '.join(only)}. "
            f"It changes: {', '.join(sorted({hunk.file for hunk in hunks}))}."
        )
    if not chosen:
        return sentence(f"{title}: no difference")
    text, markup = [], []
    for file in dict.fromkeys(hunk.file for hunk in chosen):
        own = [hunk for hunk in chosen if hunk.file == file]
        text.append(
            f"{_path(title, file)}\n" + "\n  …\n".join("\n".join(_shown(hunk)) for hunk in own)
        )
        if not is_folded or any(hunk.added or hunk.removed for hunk in own):
            markup.append(_file_html(_path(title, file), own, is_folded))
    nothing = sentence(f"{title}: no line to add or remove")
    return View("\n\n".join(text), "".join(markup) or nothing.markup)


def choose(hunks: list[Hunk], only: tuple[str, ...]) -> list[Hunk]:
    """Return the hunks of the named file and function."""
    file, *names = [*only] or [""]
    return [
        hunk
        for hunk in hunks
        if (not file or hunk.file == file)
        and (not names or hunk.place in names or any(n in ln for n in names for ln in hunk.added))
    ]


def solution(where: str) -> View:
    """Show the tested solution of a step's exercise, hidden until the learner opens it."""
    step = manifest.lesson(where)
    patch = (step.folder / "exercise.patch").read_text(encoding="utf-8")
    mine = LAB_FOLDERS.get(step.number, "mine/chat")
    change = diff_view(changes.patch_change(patch), mine)
    heading = f"One way to solve the exercise of {step.name}"
    folded = _folded(f"{heading} (try it first)", change.markup)
    return View(f"{heading}:\n{change.text}", folded)


def side_by_side(chat: Stage, *names: str) -> None:
    """Show the live chat page of each person, side by side."""
    boxes = "".join(
        _frame(chat, f"/chat?username={quote(name)}", f"{name}'s page", CHAT_HEIGHT)
        for name in names
    )
    _show_frames(boxes, f"Live pages of {chat.name}, beside each other: {', '.join(names)}")


def show_page(chat: Stage, path: str = "/", height: int = PAGE_HEIGHT) -> None:
    """Show one live page of a running stage. `height` is in CSS pixels."""
    box = _frame(chat, path, f"{chat.name}: {path}", height)
    _show_frames(box, f"A live page of {chat.name}: {path}")


def show_picture(name: str) -> View:
    """Show a picture from the documentation, such as "fanout.svg". The text is its description."""
    pictures = paths.ROOT / "docs" / "pictures"
    if not (pictures / name).is_file():
        known = ", ".join(sorted(path.name for path in pictures.glob("*.svg")))
        raise LookupError(f"There is no picture {name!r}. The pictures are: {known}.")
    drawing = (pictures / name).read_text(encoding="utf-8")
    described = re.search(r"<desc[^>]*>(.*?)</desc>", drawing, re.DOTALL)
    return View(html.unescape(described[1]) if described else name, drawing)


def wire(client: socketio.SimpleClient, *only: str) -> View:
    """Show what a client of the cast sent and received, packet by packet.

    wire(ada, "new_message", "acknowledgement") shows only the packets with these names.
    """
    every = [(p, meaning(p)) for p in tape_of(client).packets if meaning(p)]
    rows = [(p, words) for p, words in every if not only or any(each in words for each in only)]
    text = "\n".join(
        f"{'sent    ' if p.sent else 'received'}  {words:<45} {frame_text(p)}" for p, words in rows
    )
    cells = [
        [
            _unbroken("→ sent" if packet.sent else "← received"),
            html.escape(words),
            wide(f"{LONG_CODE}{html.escape(frame_text(packet))}</code>"),
        ]
        for packet, words in rows
    ]
    return View(text, box(html_table(["", "what it is", "on the wire"], cells)))


def _show_frames(boxes: str, words: str) -> None:
    warning = sentence(embed.BELOW_A_HUB).markup if embed.hub_prefix() else ""
    markup = f'<div style="display: flex; flex-wrap: wrap; gap: 12px">{boxes}</div>{warning}'
    display(View(words, markup))  # type: ignore[no-untyped-call]


def _frame(chat: Stage, path: str, title: str, height: int) -> str:
    title, source = html.escape(title), html.escape(embed.address(chat.port, path))
    return (
        f'<figure style="flex: 1 1 320px; margin: 0"><figcaption style="{WORDS}">{title}</figcaption>'
        f'<iframe src="{source}" title="{title}" sandbox="{embed.sandbox(chat.folder)}" '
        f'style="width: 100%; height: {height}px; '
        'border: 1px solid rgba(128,128,128,.5); border-radius: 6px"></iframe>'
        f'<a href="{source}" target="_blank" rel="noopener" style="{WORDS}" '
        f'aria-label="Open in the browser: {title}">Open in the browser</a></figure>'
    )


def _with_line(view: View, line: str) -> View:
    return View(f"{view.text}\n\n{line}", view.markup + sentence(line).markup)


def _file_html(path: str, hunks: list[Hunk], is_folded: bool) -> str:
    rows: list[str] = []
    for number, hunk in enumerate(hunks):
        if number:
            rows.append('<div style="opacity: .6; padding: 0 .8em">  …</div>')
        rows.extend(diff_row(line, hunk.file) for line in _shown(hunk))
    code = pre("".join(rows))
    lines = sum(len(hunk.lines) for hunk in hunks)
    if is_folded:
        code = _folded(f"{_to_type(hunks)}: open it while you type", code)
    elif lines > LONG_FILE:
        code = _folded(f"{lines} lines: open to read", code)
    return box(code, path)


def _to_type(hunks: list[Hunk]) -> str:
    """Return how much there is to type, without empty lines: "add 5 lines, remove 4"."""
    add, remove = (
        sum(bool(line.strip()) for lines in every for line in lines)
        for every in ([hunk.added for hunk in hunks], [hunk.removed for hunk in hunks])
    )
    parts = [f"add {add} line{'s' * (add != 1)}"] * bool(add or not remove)
    return ", ".join([*parts, *[f"remove {remove}"] * bool(remove)])


def box(content: str, heading: str = "") -> str:
    """Return HTML in a frame, below a heading. Content that is too wide scrolls sideways."""
    head = f'<div style="{HEAD}">{html.escape(heading)}</div>' if heading else ""
    return f'<div style="{BOX}">{head}<div style="overflow-x: auto">{content}</div></div>'


def html_table(head: Iterable[str], rows: Iterable[Iterable[str]], first: str = "auto") -> str:
    """Return a table of HTML cells that is as wide as its box. `first` is the first column's width."""
    heads = "".join(f'<th style="{CELL}">{cell}</th>' for cell in head)
    heads = heads.replace('style="', f'style="width: {first}; ', 1)
    body = "".join(
        "<tr>" + "".join(f'<td style="{CELL}">{cell}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f'<table style="width: 100%; margin: 0; table-layout: auto"><tr>{heads}</tr>{body}</table>'
    )


def wide(cell: str) -> str:
    """Return a cell of a table that stays wide on a phone: there, the table scrolls sideways."""
    return f'<div style="min-width: 14em">{cell}</div>'


def with_code(words: str) -> str:
    """Return words as HTML, with the text between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words))


def sentence(words: str) -> View:
    return View(words, f'<p style="{WORDS}">{with_code(words)}</p>')


def _unbroken(words: str) -> str:
    return f'<span style="white-space: nowrap">{html.escape(words)}</span>'


def _folded(words: str, content: str) -> str:
    return f'<details><summary style="{WORDS}">{words}</summary>{content}</details>'


def _shown(hunk: Hunk) -> list[str]:
    """Return a hunk's lines without the empty lines at its edges, which would only look like a gap."""
    lines = list(hunk.lines)
    for edge in (0, -1):
        while lines and not lines[edge].strip():
            del lines[edge]
    return lines


def _path(stage: str, file: str) -> str:
    return f"{stage}: {file}" if " " in stage else f"{stage}/{file}"


def table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table."""
    lines = [list(map(str, head)), *(list(map(str, row)) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
