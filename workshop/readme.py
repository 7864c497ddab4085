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
        "the chat that you will have by lunch",
        "[00_start.ipynb](notebooks/00_start.ipynb)",
    )
    head = ("step", "idea", "notebook", "minutes to teach + exercise")
    return table(head, [(*start, str(manifest.START_MINUTES)), *rows, *labs])


def timetable() -> str:
    """Return how long it takes to reach each step at which a class can stop."""
    lessons = (*manifest.steps(), *manifest.labs())

    def hours(last: str) -> str:
        minutes = sum(each.teach + each.exercise for each in lessons if each.number <= last)
        return f"{(manifest.START_MINUTES + minutes) / 60:.0f} hours"

    return (
        f"In half a day you can do steps 00 to 05 ({hours('05')}). A day takes you to 07 "
        f"({hours('07')}) or 08 ({hours('08')}),\nand two days are enough for everything "
        f"({hours('12')}). If you are short of time, `catch-up` copies the code of a step,\n"
        "so that you do not have to type it."
    )


def renewed(readme: str) -> str:
    """Return the README's text with the current table in its place."""
    if not BLOCK.search(readme):
        raise LookupError("README.md does not contain the comments that mark its table of steps.")
    return BLOCK.sub(
        lambda found: f"{found[1]}\n{steps_table()}\n\n{timetable()}\n\n{found[3]}", readme
    )


def renew() -> None:
    """Write the current table into README.md."""
    path = paths.ROOT / "README.md"
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
