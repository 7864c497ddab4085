"""What a notebook shows: code and changes from the step folders, live pages, packets, progress.

Every view has two forms: HTML for a notebook that runs, and text that is the same everywhere and
always (no port, id or time), which is stored, compared, and read where nothing runs.
"""

import html
import re
from collections.abc import Iterable
from urllib.parse import quote

import socketio
from IPython.display import display

from workshop import changes, embed, manifest, paths
from workshop.changes import Hunk
from workshop.clients import Packet, meaning, tape_of
from workshop.stages import Stage, locate

LONG_FILE = 60  # lines; a new file longer than this is folded away
FENCES = {".py": "python", ".html": "html", ".css": "css", ".js": "javascript"}

BOX = "border: 1px solid rgba(128,128,128,.4); border-radius: 6px; margin: .5em 0; overflow-x: auto"
HEAD = "padding: .3em .8em; font-weight: 600; border-bottom: 1px solid rgba(128,128,128,.3)"
CODE = (
    "margin: 0; padding: .4em 0; font-family: var(--jp-code-font-family, monospace); "
    "font-size: var(--jp-code-font-size, 13px); line-height: 1.4; white-space: pre; "
    "background: transparent; width: max-content; min-width: 100%"
)
TINT = {"+": "background: rgba(46,160,67,.22)", "-": "background: rgba(218,54,51,.20)", " ": ""}


class View:
    """Something to look at: `text` for everybody, `markup` (HTML) for a notebook."""

    def __init__(self, text: str, markup: str, mime: str = "text/html") -> None:
        self.text = text
        self.markup = markup
        self.mime = mime

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": self.text, self.mime: self.markup}


def show(where: str, file: str, *names: str) -> View:
    """Show a file of a stage, or just its pieces called `names`: functions, or lines that hold one.

    `where` is a step ("05_broadcast") or "mine". Raises LookupError that says what there is.
    """
    label, folder = locate(where)
    files = changes.lesson_files(folder)
    if file not in files:
        raise LookupError(f"{label} has no {file!r}. It has: {', '.join(files)}.")
    text = files[file]
    lines = text.splitlines()
    spans = [changes.piece(text, file, name) for name in names] or [(0, len(lines))]
    code = "\n\n".join("\n".join(lines[start:end]) for start, end in spans)
    language = FENCES.get("." + file.rpartition(".")[2], "")
    markdown = f"**{_path(label, file)}**\n```{language}\n{code}\n```"
    return View(f"{_path(label, file)}\n{code}", markdown, "text/markdown")


def show_change(where: str, *what: str) -> View:
    """Show what a step changes: whole, or one file of it, or one function of that file.

    show_change("05_broadcast"), show_change("05_broadcast", "app.py", "handle_new_message"),
    or from one stage to another: show_change("mine", "05_broadcast").
    """
    if what and (what[0] == "mine" or re.match(r"\d\d_", what[0])):
        return change_between(where, what[0], what[1:])
    step = manifest.step(where)
    return diff_view(changes.step_change(step.name), step.name, what)


def change_between(old: str, new: str, only: tuple[str, ...] = ()) -> View:
    """Show what leads from one stage to another; each a step, or "mine"."""
    if "mine" in (old, new) and not (paths.my_chat() / "app.py").is_file():
        sentence = "Your chat has not begun yet: mine/chat/app.py is not there."
        return View(sentence, f"<p>{sentence}</p>")
    (old, old_folder), (new, new_folder) = locate(old), locate(new)
    hunks = changes.folder_change(old_folder, new_folder)
    return diff_view(hunks, f"from {old} to {new}", only)


def diff_view(hunks: list[Hunk], title: str, only: tuple[str, ...] = ()) -> View:
    """Show hunks, or those of one file, or of one function in it."""
    chosen = choose(hunks, only)
    if only and not chosen:
        raise LookupError(
            f"{title} changes nothing in {' '.join(only)}. "
            f"It changes: {', '.join(sorted({hunk.file for hunk in hunks}))}."
        )
    if not chosen:
        return View(f"{title}: no difference", f"<p>{html.escape(title)}: no difference</p>")
    text, markup = [], []
    for file in dict.fromkeys(hunk.file for hunk in chosen):
        own = [hunk for hunk in chosen if hunk.file == file]
        text.append(f"{_path(title, file)}\n" + "\n  …\n".join(map(_hunk_text, own)))
        markup.append(_file_html(_path(title, file), own))
    return View("\n\n".join(text), "".join(markup))


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
    """Show the tested solution of a step's exercise, folded away until it is asked for."""
    step = manifest.step(where)
    patch = (step.folder / "exercise.patch").read_text(encoding="utf-8")
    lines = [ln for ln in patch.splitlines() if not ln.startswith(("diff ", "index ", "--- "))]
    text = "\n".join(ln.removeprefix("+++ b/") for ln in lines)
    body = "".join(map(_line_html, lines))
    markup = (
        f"<details><summary>One way to solve the exercise of {step.name} (try it first)</summary>"
        f'<div style="{BOX}"><pre style="{CODE}">{body}</pre></div></details>'
    )
    return View(f"One way to solve the exercise of {step.name}:\n{text}", markup)


def side_by_side(chat: Stage, *names: str) -> None:
    """Show the chat page of each person, live, beside each other."""
    boxes = "".join(
        _frame(chat, f"/chat?username={quote(name)}", f"{name}'s page") for name in names
    )
    _show_frames(boxes, f"Live pages of {chat.name}, beside each other: {', '.join(names)}")


def page(chat: Stage, path: str = "/") -> None:
    """Show one page of a running stage, live."""
    _show_frames(_frame(chat, path, f"{chat.name}{path}"), f"A live page of {chat.name}: {path}")


def wire(client: socketio.SimpleClient) -> View:
    """Show what a client of the cast sent and what came back, packet by packet."""
    rows = [(p, meaning(p)) for p in tape_of(client).packets if meaning(p)]
    text = "\n".join(
        f"{'sent    ' if p.sent else 'received'}  {words:<45} {_frame_text(p)}" for p, words in rows
    )
    cell = 'style="text-align: left; padding: .15em .8em"'
    body = "".join(
        f"<tr><td {cell}>{'→ sent' if p.sent else '← received'}</td><td {cell}>"
        f"{html.escape(words)}</td><td {cell}><code>{html.escape(_frame_text(p))}</code></td></tr>"
        for p, words in rows
    )
    head = f"<tr><th {cell}></th><th {cell}>what it is</th><th {cell}>on the wire</th></tr>"
    return View(text, f'<div style="{BOX}"><table>{head}{body}</table></div>')


def _show_frames(boxes: str, sentence: str) -> None:
    markup = f'<div style="display: flex; flex-wrap: wrap; gap: 12px">{boxes}</div>'
    display(View(sentence, markup))  # type: ignore[no-untyped-call]


def _frame(chat: Stage, path: str, title: str) -> str:
    title, source = html.escape(title), html.escape(embed.address(chat.port, path))
    return (
        f'<figure style="flex: 1 1 320px; margin: 0"><figcaption>{title}</figcaption>'
        f'<iframe src="{source}" title="{title}" style="width: 100%; height: 420px; '
        'border: 1px solid rgba(128,128,128,.5); border-radius: 6px"></iframe></figure>'
    )


def _file_html(path: str, hunks: list[Hunk]) -> str:
    rows: list[str] = []
    for number, hunk in enumerate(hunks):
        if number:
            rows.append('<div style="opacity: .6; padding: 0 .8em">  …</div>')
        rows.extend(map(_line_html, hunk.lines))
    code = f'<pre style="{CODE}">{"".join(rows)}</pre>'
    lines = sum(len(hunk.lines) for hunk in hunks)
    if lines > LONG_FILE:
        code = f"<details><summary>{lines} lines: open to read</summary>{code}</details>"
    return f'<div style="{BOX}"><div style="{HEAD}">{html.escape(path)}</div>{code}</div>'


def _line_html(line: str) -> str:
    tint = TINT.get(line[:1], "")
    return f'<div style="{tint}; padding: 0 .8em">{html.escape(line) or " "}</div>'


def _hunk_text(hunk: Hunk) -> str:
    return "\n".join(hunk.lines)


def _path(stage: str, file: str) -> str:
    return f"{stage}: {file}" if " " in stage else f"{stage}/{file}"


def _frame_text(packet: Packet) -> str:
    """A packet as it went over the wire, its session id replaced: that differs every time."""
    return re.sub(r'"sid":"[^"]+"', '"sid":"…"', str(packet.data))


def table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table."""
    lines = [list(map(str, head)), *(list(map(str, row)) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
