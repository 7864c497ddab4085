"""Generate docs/promises.md, which lists every promise and the stages that keep it."""

from itertools import groupby

from workshop import manifest, paths
from workshop.checks.promise import Promise, all_promises

PAGE = paths.ROOT / "docs" / "promises.md"
HEAD = """# What each step promises

A promise is a statement about what a chat does. This table shows which steps keep each promise, and
whether the finished chat (`final_app`) keeps it, too. The tests in `tests/contract` check each ✓ on a
running server. A dash (–) means that no test checks the promise there, for example because a later step
has withdrawn it. The checker tests a learner's own chat for the same promises. `python -m
workshop.checks` generates this page from `workshop/checks/`.

"""


def table() -> str:
    """Return a Markdown table of promises and stages: ✓ if the stage keeps the promise, – if not."""
    stages = [step.number for step in manifest.steps()]
    lines = ["| promise | " + " | ".join(stages) + " | final_app |"]
    lines.append("|---|" + ":-:|" * (len(stages) + 1))
    for since, promises in groupby(all_promises(), key=lambda each: each.since):
        title = next(step.title for step in manifest.steps() if step.number == since)
        lines.append(f"| **{since} {title}** |" + " |" * (len(stages) + 1))
        lines += [_row(each, stages) for each in promises]
    return "\n".join(lines)


def page() -> str:
    """Return the text of the whole page."""
    return HEAD + table() + "\n"


def _row(each: Promise, stages: list[str]) -> str:
    kept = [each.kept_by(stage) for stage in stages] + [each.final_app]
    return f"| {each.sentence} | " + " | ".join("✓" if one else "–" for one in kept) + " |"


def renew() -> None:
    """Write the page to its file."""
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
