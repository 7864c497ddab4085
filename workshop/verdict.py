"""The result of a check, shown as a card in a notebook and as text in a terminal."""

import html
from dataclasses import dataclass, field
from pathlib import Path

from workshop import manifest, paths
from workshop.checks.console import Report
from workshop.highlight import code_block
from workshop.views import View, with_code

KEPT, OPEN, BROKEN = "kept", "open", "broken"
WORDS = {KEPT: "kept", OPEN: "not there yet", BROKEN: "broken"}
COLOURS = {KEPT: "46,160,67", OPEN: "120,130,150", BROKEN: "218,54,51"}
INDENT = 12  # characters before the content of a row


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check. `state` is "kept", "open" (not attempted yet) or "broken"."""

    step: str
    state: str
    kept: int  # the number of promises that were tested and are kept, out of `total`
    total: int
    sentence: str = ""
    expected: str = ""
    seen: str = ""
    hint: str = ""
    report: Report | None = None  # the error that caused it, if there was one
    about: str = ""  # the file that a hint is about, if no error names one: "static/chat.js"
    untried: tuple[str, ...] = ()  # the promises that this machine cannot test
    why_untried: str = ""
    can_say_more: bool = False  # whether the learner can ask for a second hint
    second: View | None = field(default=None, compare=False)  # the second hint, if it was asked for

    @property
    def is_exercise(self) -> bool:
        """Return whether only the exercise is left, which is the last promise of a step."""
        return self.kept + len(self.untried) == self.total - 1

    @property
    def headline(self) -> str:
        start, left_out = f"Step {self.step}: ", len(self.untried)
        if self.state == KEPT and left_out:
            return f"{start}{self._kept_so_far}, {left_out} could not be tested. {self.why_untried}"
        if self.state == KEPT:
            return f"{start}all {self.total} promises are kept. Well done."
        skipped = f" {left_out} could not be tested. {self.why_untried}" if left_out else ""
        if self.state == OPEN:
            return f"{start}{self._kept_so_far}. Not there yet: {self.sentence}{skipped}"
        which = f"promise {self.kept + left_out + 1} of {self.total}"  # no later promise was tested
        return f"{start}{which} is not kept: {self.sentence}{skipped}"

    @property
    def _kept_so_far(self) -> str:
        return f"{self.kept} of {self.total} promises are kept"

    @property
    def rows(self) -> dict[str, str]:
        """The rows after the headline, by name. The row "At" contains lines of code."""
        report = self.report or Report("")
        rows = {
            "Expected": self.expected,
            "Seen": self.seen,
            "Error": report.words if report.words not in self.seen else "",
            "At": f"{report.place}\n{report.code}".strip("\n"),
            "Look in": "" if report.place else self.about,
            "Hint": self.hint,
            "Untried": " ".join(self.untried),
        }
        return {name: text for name, text in rows.items() if text}

    def __str__(self) -> str:
        rows = dict(self.rows)
        if self.can_say_more:
            rows["Stuck?"] = (
                f"For a second hint: `python3 start.py check {self.step} --hint`, "
                f'or `check("{self.step}", hint=2)` in a notebook.'
            )
        if self.state == KEPT and (following := next_notebook(self.step)):
            rows["Next"] = _shown(following)
        lines = [_row(name, text) for name, text in rows.items()]
        return "\n".join([self.headline, *lines, *([self.second.text] if self.second else [])])

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        body = "".join(
            f"<div><b>{name}</b> {code_block(text) if name == 'At' else with_code(text)}</div>"
            for name, text in self.rows.items()
        )
        if self.can_say_more:
            ask = f'`check("{self.step}", hint=2)`'
            body += f"<div><b>Stuck?</b> {with_code(ask)} gives a second hint.</div>"
        if self.state == KEPT and (following := next_notebook(self.step)):
            link = f'<a href="{following.name}">{html.escape(following.stem)}</a>'
            body += f"<div><b>Next</b> {link}</div>"
        colour = COLOURS[OPEN if self.untried and self.state == KEPT else self.state]
        markup = (
            f'<div style="border-left: 4px solid rgb({colour}); padding: .4em .9em; '
            f'background: rgba({colour},.12)"><div>{with_code(self.headline)}</div>{body}</div>'
        )
        markup += self.second.markup if self.second else ""
        return {"text/plain": str(self), "text/html": markup}


def _row(name: str, text: str) -> str:
    label = name if name.endswith("?") else f"{name}:"
    return f"  {label:<{INDENT - 2}}" + text.replace("\n", "\n" + " " * INDENT)


def next_notebook(number: str) -> Path | None:
    """Return the next notebook after that of a step or lab, if possible the learner's copy of it."""
    lessons = [*manifest.steps(), *manifest.labs()]
    place = [each.number for each in lessons].index(number) + 1
    if place == len(lessons):
        return None
    own = paths.mine() / "notebooks" / lessons[place].notebook.name
    return own if own.is_file() else lessons[place].notebook


def _shown(path: Path) -> str:
    return path.relative_to(paths.ROOT).as_posix() if path.is_relative_to(paths.ROOT) else str(path)
