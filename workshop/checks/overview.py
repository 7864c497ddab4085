"""docs/promises.md: every promise and who keeps it. `python -m workshop.checks` renews it."""

from itertools import groupby

from workshop import manifest, paths
from workshop.checks.promise import Promise, all_promises

PAGE = paths.ROOT / "docs" / "promises.md"
HEAD = """# What each step promises

Made by `python -m workshop.checks` from `workshop/checks/`; a test keeps it current. Every ✓ is
a test in `tests/contract`, over the wire, against the real server. The same promises check a
learner's own chat. A later step may take a promise back, where it puts a better one in its place.

"""


def table() -> str:
    """Return the table promise × stage in Markdown: ✓ where it is kept, – where it is not made."""
    stages = [step.number for step in manifest.steps()]
    lines = ["| promise | " + " | ".join(stages) + " | final_app |"]
    lines.append("|---|" + ":-:|" * (len(stages) + 1))
    for since, promises in groupby(all_promises(), key=lambda each: each.since):
        title = next(step.title for step in manifest.steps() if step.number == since)
        lines.append(f"| **{since} {title}** |" + " |" * (len(stages) + 1))
        lines += [_row(each, stages) for each in promises]
    return "\n".join(lines)


def page() -> str:
    """Return the whole page as it should be."""
    return HEAD + table() + "\n"


def _row(each: Promise, stages: list[str]) -> str:
    kept = [each.kept_by(stage) for stage in stages] + [each.final_app]
    return f"| {each.sentence} | " + " | ".join("✓" if one else "–" for one in kept) + " |"


def renew() -> None:
    """Write the page as it should be."""
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
