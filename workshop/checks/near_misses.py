"""Files with almost the right name or place, and code that was pasted with marks that are not code."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

ALIKE = 0.8  # 1 means that every letter is the same
MOST = 0.8  # of the lines of a file
PASTED = {
    r"\+": "`+`, which marks an added line in a diff",
    r">>>": "`>>>`, Python's prompt",
    r"\s*\d+(?:[:|.]\s|\s\s|\t)": "a line number",
}


def instead_of(folder: Path, wanted: str) -> str:
    """Return a hint about a file that has almost the name or the place of `wanted`, or "".

    `wanted` is a path in the folder, such as "templates/chat.html".
    """
    files = [path for path in (*folder.parent.glob("*"), *folder.rglob("*")) if path.is_file()]
    by_name = {path.name.casefold().removesuffix(".txt"): path for path in files}
    name = Path(wanted).name.casefold().removesuffix(".txt")
    near = [name] if name in by_name else get_close_matches(name, by_name, n=1, cutoff=ALIKE)
    if not near or (folder / wanted) in files:
        return ""
    found = by_name[near[0]].relative_to(folder.parent).as_posix()
    return (
        f"There is a file `{found}`, but your chat needs `{folder.name}/{wanted}`. Rename or move the "
        "file, or correct its name in your code. Names are case-sensitive, and your editor may hide "
        "an ending such as `.txt`."
    )


def instead_of_served(folder: Path, path: str) -> str:
    """Do the same for the path of an address. Flask serves only the folder `static`."""
    return instead_of(folder, path) if path.startswith("static/") else ""


def pasted(code: str) -> str:
    """Return a sentence about marks that were pasted before most lines, or "" if there are none."""
    lines = [line for line in code.splitlines() if line.strip()]
    for mark, words in PASTED.items():
        marked = [line for line in lines if re.match(mark, line)]
        if lines and len(marked) >= MOST * len(lines):
            where = "Every line begins" if len(lines) > 1 else "The line begins"
            return f"{where} with {words}. It is not part of the code: delete it."
    return ""


def unsaved(folder: Path, wanted: Iterable[str]) -> tuple[str, str] | None:
    """Return the name of the first `wanted` file that is empty, and what to do, or None."""
    for name in wanted:
        file = folder / name
        if file.is_file() and not file.read_text("utf-8", "replace").strip():
            return name, (
                f"`{name}` is empty. Is it saved? In JupyterLab, a dot on a file's tab means that its "
                "latest changes are not saved. Press Ctrl + S (on macOS, Cmd + S)."
            )
    return None
