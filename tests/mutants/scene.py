"""A running step with people who use it, and what they see. It is recorded once, and then compared."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.mutants.seats import PATIENCE, Client, Facets, Seat, plain
from workshop.stages import Stage

QUIET = 0.4  # seconds without a change, and a recorded view is complete
LONGEST = 8.0  # seconds that the step itself may take until then
LAST = 0.3  # seconds, before the last look: what comes late or twice has come then
STEP = 0.02  # seconds between two looks
SOFT = ("looks", "structure")  # facets of a page that nobody has to notice who uses it
RAISED = re.compile(r"^(?:[\w.]*(?:Error|Exception|Refused|Interrupt|NotFound)\b.*)$", re.MULTILINE)

View = tuple[str, Facets]


@dataclass(frozen=True)
class Difference:
    """Something that a mutant shows and the step does not: at which look, and in which facet."""

    look: str
    facet: str
    expected: str
    seen: str

    def __str__(self) -> str:
        return f"{self.look}, {self.facet}: {self.seen[:160]!r} instead of {self.expected[:160]!r}"


class Differs(Exception):
    def __init__(self, difference: Difference) -> None:
        self.difference = difference
        super().__init__(str(difference))


@dataclass
class Record:
    """What the step itself shows. `blurred` contains the facets that differ from run to run."""

    views: list[View]
    blurred: set[tuple[str, str]] = field(default_factory=set)


class Scene:
    """The people in a script. Without a record, the scene makes one (`views`). With one, it compares."""

    def __init__(self, chat: Stage, seats: list[Seat], record: Record | None) -> None:
        self.chat, self.url = chat, chat.url
        self.ada, self.bo, self.cy = seats
        self.seats = {"Ada": self.ada, "Bo": self.bo, "Cy": self.cy}
        self.clients: list[Client] = []
        self.place: dict[str, object] = {}
        self.views: list[View] = []
        self.soft: dict[str, Difference] = {}  # by facet, the first
        self._record = record
        for seat in seats:
            seat.begin(chat.url)

    def client(self, auth: object = None, cookies: Mapping[str, str] | None = None) -> Client:
        client = Client(self.url, auth, cookies)
        self.clients.append(client)
        return client

    def client_when_free(self, auth: object) -> Client:
        """Connect under a name that somebody has just stopped using."""
        end = time.monotonic() + PATIENCE
        while (client := Client(self.url, auth)).answer != "let in" and time.monotonic() < end:
            time.sleep(STEP)
        self.clients.append(client)
        return client

    def look(self, label: str) -> None:
        """Look at everything when it has come to rest, or as soon as it is as in the record."""
        if self._record:
            self._compare(label, self._all, PATIENCE)
        else:
            self._write(label, self._all)

    def note(self, label: str, answer: str) -> None:
        """Record an answer that somebody has received."""
        facets = {"answer": plain(answer)}
        if self._record:
            self._compare(label, lambda: facets, 0)
        else:
            self.views.append((label, facets))

    def end(self) -> None:
        self.ada.rest(LAST)
        self.look("at the end")

    def restart(self) -> None:
        self.chat.stop()
        self.chat.start()

    def _all(self) -> Facets:
        facets = {}
        for name, seat in self.seats.items():
            for facet, seen in seat.look().items():
                facets[f"{name}'s {facet}"] = seen
        for number, client in enumerate(self.clients):
            facets |= {f"client {number}'s {key}": seen for key, seen in client.look().items()}
        raised = {plain(each) for each in RAISED.findall(self.chat.log)}
        return facets | {"log": "\n".join(sorted(raised))}

    def _write(self, label: str, look: Callable[[], Facets]) -> None:
        seen, since, begin = look(), time.monotonic(), time.monotonic()
        while time.monotonic() < since + QUIET and time.monotonic() < begin + LONGEST:
            self.ada.rest(STEP)
            if (now := look()) != seen:
                seen, since = now, time.monotonic()
        self.views.append((label, seen))

    def _compare(self, label: str, look: Callable[[], Facets], patience: float) -> None:
        assert self._record
        place = len(self.views)
        expected_label, expected = self._record.views[place]
        assert label == expected_label, f"the script went another way: {label}"
        end = time.monotonic() + patience
        while True:
            seen = look()
            differ = [
                facet
                for facet in sorted({*expected, *seen})
                if seen.get(facet) != expected.get(facet)
                and (label, facet) not in self._record.blurred
                and facet.rpartition(" ")[2] not in self.soft
            ]
            if not differ or time.monotonic() > end:
                break
            self.ada.rest(STEP)
        self.views.append((label, seen))
        differ.sort(key=lambda facet: facet.endswith(SOFT))
        for facet in differ:
            found = difference(label, facet, expected.get(facet, ""), seen.get(facet, ""))
            if not facet.endswith(SOFT):
                raise Differs(found)
            self.soft.setdefault(facet.rpartition(" ")[2], found)


def difference(label: str, facet: str, expected: str, seen: str) -> Difference:
    """Keep only the lines that differ."""
    before, after = expected.splitlines(), seen.splitlines()
    missing = "\n".join(line for line in before if line not in after) or expected
    added = "\n".join(line for line in after if line not in before) or seen
    return Difference(label, facet, missing, added)
