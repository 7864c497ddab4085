"""The first cell of every notebook: is this the right Python, folder and set of packages?"""

import html
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from workshop import manifest, paths
from workshop.checker import solved
from workshop.views import View

WATCHED = ("flask", "werkzeug", "flask-socketio", "python-socketio", "python-engineio")


class WrongPlace(RuntimeError):
    """The notebook runs in a Python other than the workshop's. The message explains what to do."""


def begin(name: str) -> View:
    """Check the kernel and the packages, and show where this notebook is in the workshop.

    `name` is the step, or "00_start". If a package is wrong, raises WrongPlace with what was found and
    what to do.
    """
    found = wrong_packages()
    if found:
        raise WrongPlace(
            "This notebook's kernel is not the workshop's Python.\n"
            f"Expected: the packages that requirements.lock pins.\nSeen: {'; '.join(found)}, "
            f"in {sys.executable}\n"
            "What to do: choose the Python in the workshop's .venv as the kernel (VS Code: Select "
            "Kernel → Python Environments → .venv). Or close this notebook and run `python3 start.py` "
            f"in {paths.ROOT} (Windows: `py start.py`). `python3 start.py doctor` tells you more."
        )
    paths.my_chat().mkdir(parents=True, exist_ok=True)
    return progress(name)


def progress(name: str) -> View:
    """Show all steps in a line. ✓ marks steps that passed their check, and [brackets] mark this step."""
    done = solved()
    lessons = (*manifest.steps(), *manifest.labs())
    strip = "  ".join(_station(each, name, each.name in done) for each in lessons)
    links = "  ".join(_linked(each, name, each.name in done) for each in lessons)
    if name == "00_start":
        title = f"00 Start · {manifest.START_MINUTES} minutes"
    else:
        step = manifest.lesson(name)
        title = (
            f"{step.number} {step.title} · {step.teach} minutes + {step.exercise} for the exercise"
        )
    ready = "Kernel, folder and packages are as they should be."
    markup = (
        f'<div style="border-left: 4px solid rgb(31,95,191); padding: .4em .9em; '
        f'background: rgba(31,95,191,.10)"><div><b>{html.escape(title)}</b></div>'
        f'<div style="white-space: pre-wrap">{links}</div>'
        f"<div>{ready}</div></div>"
    )
    return View(f"{title}\n{strip}\n{ready}", markup)


def wrong_packages() -> list[str]:
    """Return a phrase for each difference from the pins. The list is empty if everything is fine."""
    pins = pinned_versions()
    wrong = []
    for name in WATCHED:
        try:
            installed = version(name)
        except PackageNotFoundError:
            wrong.append(f"{name} is not installed")
            continue
        if name in pins and installed != pins[name]:
            wrong.append(f"{name} {installed} instead of {pins[name]}")
    if not find_spec("socketio_browser"):
        wrong.append("the browser client is not installed")
    return wrong


def pinned_versions() -> dict[str, str]:
    """Return the versions in requirements.lock by package name."""
    lock = (paths.ROOT / "requirements.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"(?m)^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock))


def _linked(step: manifest.Step, here: str, done: bool) -> str:
    """Return one entry of the line as HTML, with a link to its notebook in the same folder."""
    label = html.escape(_station(step, here, done))
    return label if step.name == here else f'<a href="{step.notebook.name}">{label}</a>'


def _station(step: manifest.Step, here: str, done: bool) -> str:
    label = f"[{step.number}]" if step.name == here else step.number
    return f"{label} ✓" if done else label
