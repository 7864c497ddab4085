"""Compare a learner's file with a step's file and with the previous step, from which both started.

The learner's file and the step's file alone do not show which lines the learner wrote and which lines
the step removes. There is another problem: if a new block ends with the same lines as one of the
learner's blocks, a comparison of two files would show these lines only once. The learner could then not
type the new block as it is shown.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches

WORD = re.compile(r"\w")
Lines = Sequence[str]


@dataclass(frozen=True)
class Mark:
    """One line of a comparison: its sign, and its position in the two files, counted from 0.

    A line with " " is in both files, "+" must be added, "-" must be removed, and "|" is the learner's
    own. If a line is in only one file, its position in the other file is the number of the line before
    which it would be.
    """

    sign: str
    mine: int
    step: int


class Comparison:
    """Puts the lines of a learner's file and of a step's file into one order, with their signs.

    The lines that neither file has changed divide the files into sections. Within a section, the lines
    that the step adds keep their place among the lines of the origin. They come before the lines that
    the learner wrote.
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
        """Return the step's new lines that the learner has typed: the learner's line -> the step's line.

        Distinctive lines are matched first, and then equal lines around them.
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
        """Return whether a line is distinctive: it contains a word, and is not in the origin."""
        return bool(WORD.search(line)) and line not in self.origin

    def _reached(self, origin: Lines) -> list[int]:
        """Return the position in the origin for each of the learner's lines.

        A line that replaced an old line has the position of the old line. The new lines below it have
        the position after that.
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
        """Return the lines of the step that are in the origin, but nowhere in the learner's file."""
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
    """Return the line numbers in the origin for the lines of a later text that are in both."""
    return {
        first + n: start + n
        for tag, start, end, first, _ in _opcodes(origin, later)
        if tag == "equal"
        for n in range(end - start)
    }
