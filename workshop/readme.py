"""The README's table of steps, made from steps.toml so that the two never disagree."""

import re

from workshop import manifest, paths
from workshop.views import table

BLOCK = re.compile(r"(<!-- steps: [^>]*-->\n)(.*?)(<!-- end of steps -->)", re.DOTALL)


def steps_table() -> str:
    """Return the table: step, idea, notebook, minutes to teach and to exercise."""
    rows = [
        (
            f"[{step.number} {step.title}](steps/{step.name})",
            step.idea,
            f"[{step.notebook.name}](notebooks/{step.notebook.name})",
            f"{step.teach} + {step.exercise}",
        )
        for step in manifest.steps()
    ]
    labs = [
        (
            f"{lab.number} {lab.title}",
            lab.idea,
            f"[{lab.notebook.name}](notebooks/{lab.notebook.name})",
            f"{lab.teach} + {lab.exercise}",
        )
        for lab in manifest.labs()
    ]
    start = (
        "00 Start",
        "the chat you will have by lunch",
        "[00_start.ipynb](notebooks/00_start.ipynb)",
    )
    total = sum(each.teach + each.exercise for each in (*manifest.steps(), *manifest.labs()))
    last = ("", "", "all", f"{total + manifest.START_MINUTES} minutes")
    head = ("step", "idea", "notebook", "teach + exercise")
    return table(head, [(*start, str(manifest.START_MINUTES)), *rows, *labs, last])


def renewed(readme: str) -> str:
    """Return the README's text with the current table in its place."""
    if not BLOCK.search(readme):
        raise LookupError("README.md has lost the comments that mark its table of steps.")
    return BLOCK.sub(lambda found: f"{found[1]}\n{steps_table()}\n\n{found[3]}", readme)


def renew() -> None:
    """Write the current table into README.md."""
    path = paths.ROOT / "README.md"
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
