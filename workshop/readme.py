"""Generate the tables in README.md and docs/teaching.md from steps.toml, so that they always agree."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from workshop import manifest, paths
from workshop.views import table

DAYS = {2: "both days", 3: "three days", 4: "four days"}

# Times of a day in class, in minutes.
BEGIN, LATEST_LUNCH, END_OF_DAY = 9 * 60, 13 * 60, 17 * 60 + 30
WITHOUT_BREAK, BREAK, LUNCH, RESERVE = 100, 15, 60, 30


def steps_table() -> str:
    """Return a table of the steps with their ideas, notebooks, and minutes for teaching and exercise."""
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
    head = ("step", "idea", "notebook", "minutes of teaching + exercise")
    return table(head, [(*start, str(manifest.START_MINUTES)), *rows, *labs])


def timetable() -> str:
    """Return a paragraph about how far a class gets in half a day, in one day and in several days."""
    every = [day[-1].number for day in days()]
    return (
        f"In half a day, you can do steps 00 to {HALF_DAY[-1].number}. In one day, you get to step "
        f"{every[0]}. In two days, you get to step {every[1]}, and\nin {DAYS[len(every)]}, to step "
        f"{every[-1]}. The [teaching guide](docs/teaching.md) has timetables. If you are short of time, "
        "use\n`catch-up`, which copies the code of a step so that you don't have to type it."
    )


@dataclass(frozen=True)
class Lesson:
    """A part of a class, and how long it takes."""

    number: str
    title: str
    minutes: int

    @property
    def name(self) -> str:
        return f"{self.number} {self.title}".strip()


START = Lesson("00", "Start", manifest.START_MINUTES)
STEPS = [START, *(Lesson(s.number, s.title, s.teach + s.exercise) for s in manifest.steps())]
HALF_DAY = STEPS[:6]  # up to the complete chat of the tutorial


def days() -> list[list[Lesson]]:
    """Return the steps of each day in class. Each day has as many steps as fit."""
    found: list[list[Lesson]] = [[]]
    for lesson in STEPS:
        if plan([*found[-1], lesson])[-1][0] > END_OF_DAY:
            found.append([])
        found[-1].append(lesson)
    return found


def plan(lessons: list[Lesson]) -> list[tuple[int, str]]:
    """Return each part of a day and its start in minutes since midnight, including the breaks."""
    now, worked, rows, had_lunch = BEGIN, 0, [], False
    for lesson in lessons:
        if now + lesson.minutes > LATEST_LUNCH and not had_lunch:
            rows.append((now, "Lunch"))
            now, worked, had_lunch = now + LUNCH, 0, True
        elif worked + lesson.minutes > WITHOUT_BREAK:
            rows.append((now, "Break"))
            now, worked = now + BREAK, 0
        rows.append((now, lesson.name))
        now, worked = now + lesson.minutes, worked + lesson.minutes
    return [*rows, (now, "Questions, and 30 minutes of buffer time"), (now + RESERVE, "End")]


def timetables() -> str:
    """Return the timetables of docs/teaching.md, as Markdown."""
    every = {"Half a day": HALF_DAY}
    every |= {f"Day {number}": day for number, day in enumerate(days(), 1)}
    return "\n\n".join(
        f"**{title}**\n\n"
        + table(("time", "what"), [(f"{at // 60:02}:{at % 60:02}", what) for at, what in plan(day)])
        for title, day in every.items()
    )


# For each generated page: the name in the comments around the generated part, and its content.
GENERATED: dict[str, tuple[str, Callable[[], str]]] = {
    "README.md": ("steps", lambda: f"{steps_table()}\n\n{timetable()}"),
    "docs/teaching.md": ("timetables", timetables),
}


def renewed(page: str, text: str) -> str:
    """Return the text of a page in which the generated part is up to date."""
    name, content = GENERATED[page]
    block = re.compile(rf"(<!-- {name}: [^>]*-->\n)(.*?)(<!-- end of {name} -->)", re.DOTALL)
    if not block.search(text):
        raise LookupError(f"{page} does not contain the comments that mark its {name}.")
    return block.sub(lambda found: f"{found[1]}\n{content()}\n\n{found[3]}", text)


def renew() -> None:
    """Write the generated parts into their pages."""
    for page in GENERATED:
        path = paths.ROOT / page
        text = renewed(page, path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8", newline="\n")
