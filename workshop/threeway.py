"""A learner's file and a step's, compared by way of the step before: what both have come from.

Two texts alone do not tell what the learner wrote from what the step takes away. And a new block that
ends as one of the learner's own does would share its end, and could not be typed as it is shown.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches

WORD = re.compile(r"\w")
Lines = Sequence[str]


@dataclass(frozen=True)
class Mark:
    """One line of a comparison: its sign, and where it stands in the two files, counted from 0.

    " " is in both, "+" is still to come, "-" goes, "|" is the learner's own. What is in one file only
    would stand in the other before the line of that number.
    """

    sign: str
    mine: int
    step: int


class Comparison:
    """Puts the lines of a learner's file and of a step's in one order, with their signs.

    A line that neither has touched divides the files. Between two such lines, what the step adds
    stands where it stands among the lines of the origin: before what the learner has written there.
    """

    def __init__(self, origin: Lines, mine: Lines, step: Lines) -> None:
        self.mine, self.step, self.origin = mine, step, frozenset(origin)
        self.from_mine, self.from_step = _places(origin, mine), _places(origin, step)
        self.due = [
            start + n if tag == "equal" else end
            for tag, start, end, first, after in _opcodes(origin, step)
            for n in range(after - first)
        ]
        self.reached = self._reached(origin)
        self.lost = self._lost(origin)

    def marks(self) -> Iterator[Mark]:
        mine = {place: at for at, place in self.from_mine.items()}
        step = {place: at for at, place in self.from_step.items()}
        i = j = 0
        for place in sorted(mine.keys() & step.keys()):
            yield from self._between(range(i, mine[place]), range(j, step[place]))
            yield Mark(" ", mine[place], step[place])
            i, j = mine[place] + 1, step[place] + 1
        yield from self._between(range(i, len(self.mine)), range(j, len(self.step)))

    def _between(self, here: range, there: range) -> Iterator[Mark]:
        coming = [at for at in there if at not in self.from_step or at in self.lost]
        typed = self._typed([at for at in here if at not in self.from_mine], coming)
        for at in here:
            while coming and coming[0] != typed.get(at):
                waits = self.due[coming[0]] > self.reached[at] or coming[0] in typed.values()
                if waits and at not in typed:
                    break
                yield Mark("+", at, coming.pop(0))
            if at in typed:
                yield Mark(" ", at, coming.pop(0))
            else:
                sign = "-" if at in self.from_mine else "|"
                yield Mark(sign, at, coming[0] if coming else there.stop)
        yield from (Mark("+", here.stop, at) for at in coming)

    def _typed(self, own: list[int], coming: list[int]) -> dict[int, int]:
        """Return what the learner has typed of the step's new lines: where, and as which line.

        A line that tells is matched first, then what is the same around it.
        """
        mine = [at for at in own if self._tells(self.mine[at])]
        step = [at for at in coming if self._tells(self.step[at])]
        matcher = SequenceMatcher(
            None, [self.mine[at] for at in mine], [self.step[at] for at in step], autojunk=False
        )
        typed = {
            mine[a + n]: step[b + n]
            for a, b, size in matcher.get_matching_blocks()
            for n in range(size)
        }
        for at, line in list(typed.items()):
            for way in (1, -1):
                here, there = at + way, line + way
                while (
                    here in own
                    and there in coming
                    and here not in typed
                    and there not in typed.values()
                    and self.mine[here] == self.step[there]
                ):
                    typed[here] = there
                    here, there = here + way, there + way
        return typed

    def _tells(self, line: str) -> bool:
        """Tell whether a line can only be the step's: blocks end alike, and have lines in common."""
        return bool(WORD.search(line)) and line not in self.origin

    def _reached(self, origin: Lines) -> list[int]:
        """Return for each line of the learner's the place in the origin that it stands at.

        One that took the place of an old line stands there; what is written below it, behind.
        """
        reached: list[int] = []
        for tag, start, end, first, after in _opcodes(origin, self.mine):
            if tag == "equal":
                reached.extend(range(start, end))
                continue
            own = list(self.mine[first:after])
            for place in range(start, end):
                alike = get_close_matches(origin[place], own, n=1)
                taken = own.index(alike[0]) + 1 if alike else 0
                reached.extend([place] * taken)
                del own[:taken]
            reached.extend([end] * len(own))
        return reached

    def _lost(self, origin: Lines) -> set[int]:
        """Return the step's old lines that the learner's file lacks, and has nowhere else."""
        own = {line for at, line in enumerate(self.mine) if at not in self.from_mine}
        gone = {
            place
            for tag, start, end, _, _ in _opcodes(origin, self.mine)
            if tag == "delete"
            for place in range(start, end)
            if origin[place].strip() and origin[place] not in own
        }
        return {at for at, place in self.from_step.items() if place in gone}


def _opcodes(old: Lines, new: Lines) -> Sequence[tuple[str, int, int, int, int]]:
    return SequenceMatcher(None, old, new, autojunk=False).get_opcodes()


def _places(origin: Lines, later: Lines) -> dict[int, int]:
    """Return where the lines of a later text that the origin has stand there, by their numbers."""
    return {
        first + n: start + n
        for tag, start, end, first, _ in _opcodes(origin, later)
        if tag == "equal"
        for n in range(end - start)
    }
