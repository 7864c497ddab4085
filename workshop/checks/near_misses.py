"""Files with almost the right name or place, and code that was pasted with marks that are not code."""

import re
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

APP_NAMES = ("app.py.txt", "app.txt", "app.py.py", "app", "application.py", "chat.py", "main.py")
FOLDERS = ("templates", "static")  # Flask gives these their names
ALIKE = 0.8  # 1 means that every letter is the same
MOST = 0.8  # of the lines of a file
PASTED = {
    r"\+": "`+`. It marks an added line in a diff and is not part of the code. Delete it",
    r">>>": "`>>>`, Python's prompt. It is not part of the code. Delete it",
    r"\s*\d+(?:[:|.]\s|\s\s|\t)": "a line number, which is not part of the code. Delete it",
}


def missing_app(chat: Path) -> tuple[str, str] | None:
    """Find a file that should probably be app.py. Return where it is and what to do, or None."""
    for folder in (chat, chat.parent, *_folders(chat)):
        names = _names(folder)
        alike = [name for name in names if name.casefold() == "app.py"]
        for name in [*alike, *(name for name in APP_NAMES if name in names)]:
            found = folder / name
            if found.is_file() and found != chat / "app.py":
                shown = found.relative_to(chat.parents[1]).as_posix()
                wanted = (chat / "app.py").relative_to(chat.parents[1]).as_posix()
                verb = "Rename it" if folder == chat else "Move it"
                return (
                    f"no such file, but {shown}",
                    f"{verb} to {wanted}.{_why(name, folder == chat)}",
                )
    return None


def instead_of(folder: Path, wanted: str) -> str:
    """Return a hint about a file that is almost `wanted`, or "" if there is no such file.

    `wanted` is a path in the folder, such as "templates/chat.html".
    """
    here, so_far = folder, ""
    for part in wanted.split("/"):
        names = _names(here)
        if part in names:
            here, so_far = here / part, f"{so_far}{part}/"
            continue
        alike = _alike(part, names)
        if alike and (part in FOLDERS or alike.endswith(".txt")):
            there, right = f"`{so_far}{alike}`", f"`{so_far}{part}`"
            return f"There is {there}. Rename it to {right}.{_why(alike)}"
        if alike:
            there = f"`{so_far}{alike}`"
            return f"There is {there}, but your code asks for `{part}`: make the names the same."
        break
    name = wanted.rpartition("/")[2]
    for known in FOLDERS:
        if wanted.startswith(f"{known}/{known}/") and (folder / known / name).is_file():
            return f"Flask already looks in `{known}`. Write the name without the folder: `{name}`."
    elsewhere = [folder / name, folder.parent / name, *folder.glob(f"*/{name}")]
    for found in elsewhere:
        if found.is_file() and found != folder / wanted:
            shown = found.relative_to(folder.parent).as_posix()
            return f"There is `{shown}`. Move it to `{folder.name}/{wanted}`."
    return ""


def instead_of_served(folder: Path, path: str) -> str:
    """Do the same for the path of an address. Flask serves only the folder `static`."""
    return instead_of(folder, path) if path.startswith("static/") else ""


def unused(folder: Path, wanted: str) -> str:
    """Return a hint about a second file that is called like `wanted`, or "" if there is none."""
    name = wanted.rpartition("/")[2]
    for found in (folder / name, *folder.glob(f"*/{name}")):
        if found.is_file() and found != folder / wanted:
            here, shown = (f"{folder.name}/{each}" for each in (wanted, found.relative_to(folder)))
            question = "Have you typed lines in the wrong file?"
            return f"Your chat uses `{here}`, and not `{shown}`. {question} "
    return ""


def hiding(folder: Path) -> str:
    """Return a hint about a file that hides a library of the same name, or "" if there is none."""
    for name in _names(folder):
        module = name.removesuffix(".py")
        is_module = name.endswith(".py") or (folder / name / "__init__.py").is_file()
        if is_module and module.isidentifier() and _is_library(module):
            return (
                f"`{folder.name}/{name}` hides a library of the same name: `import {module}` imports "
                "your file instead, even inside other libraries. Rename your file."
            )
    return ""


def _is_library(module: str) -> bool:
    if module in sys.stdlib_module_names:
        return True
    try:
        found = find_spec(module)
    except (ImportError, ValueError):
        return False
    return bool(found and found.origin and "site-packages" in found.origin) or module == "workshop"


def pasted(code: str) -> str:
    """Return a sentence about marks that were pasted before most lines, or "" if there are none."""
    lines = [line for line in code.splitlines() if line.strip()]
    for mark, words in PASTED.items():
        marked = [line for line in lines if re.match(mark, line)]
        if lines and len(marked) >= MOST * len(lines):
            where = "Every line begins" if len(lines) > 1 else "The line begins"
            return f"{where} with {words}{' in every line' if len(lines) > 1 else ''}."
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


def _alike(part: str, names: list[str]) -> str:
    """Return the name that is probably meant as `part`, or "" if there is none.

    Its capitalization can be different, it can have a second ending, or it can contain a typo.
    """
    for name in names:
        if name.casefold() == part.casefold() or name.casefold() == f"{part}.txt".casefold():
            return name
    return next(iter(get_close_matches(part, names, n=1, cutoff=ALIKE)), "")


def _why(name: str, same_folder: bool = True) -> str:
    if name.endswith(".txt"):
        return " Your editor or file manager may hide the ending `.txt`."
    if same_folder and name != name.lower():
        return " File names are case-sensitive."
    return ""


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


def _folders(folder: Path) -> list[Path]:
    return [folder / name for name in _names(folder) if (folder / name).is_dir()]
