"""Measure what a broadcast costs: a server's CPU time for each delivery, and the time for each part.

    measure(chat, other)         # the CPU time of any chat with `new_message`, measured from outside
    profile(mine, at_once=4)     # the parts of a broadcast in a chat from the lab on speed

The figures differ on every machine and on every run. They are only in the HTML, which the strict test
ignores. The text contains only values that are always the same.
"""

import html
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from statistics import median, mode

import psutil  # type: ignore[import-untyped]
import requests

from workshop.load import LISTENERS, PATIENCE, Closed, Room, Undelivered
from workshop.stages import Stage
from workshop.views import View, box, html_table

PARTS = ("make the text", "make the frame", "write it")  # parts whose calls are counted
Lap = dict[str, tuple[int, float]]  # calls and microseconds, by part
# Seconds of CPU time for each server. Windows counts the time in ticks of 16 ms, and Linux in 10 ms.
SPENT = 1.0 if sys.platform == "win32" else 0.25
TURNS = 3  # servers take turns, so that other programs on the machine affect all of them
WARM_UP = 5  # bursts
LAPS = 21  # bursts that are timed
MICROSECONDS = 1e6  # microseconds in a second
REST = "everything else"
BAR = (
    '<svg style="flex: 1; height: 14px" viewBox="0 0 100 14" preserveAspectRatio="none" '
    'aria-hidden="true"><rect width="{:.1f}" height="14" fill="#4f83cc"/></svg>'
)
FIRST = "35%"  # width of a table's first column


class Costs(View, Mapping[str, float]):
    """The CPU time for each delivery in microseconds, by the name of the chat."""

    def __init__(self, costs: dict[str, float], listeners: int, at_once: int) -> None:
        self._costs = costs
        what = f"{_messages(at_once)} to {listeners} listeners"
        checked = "every listener got every message, once and in order"
        most = max(costs.values())
        rows = [
            [f"<code>{html.escape(name)}</code>", _measured(cost / most, f"{cost:.1f} µs")]
            for name, cost in costs.items()
        ]  # fmt: skip
        table = html_table(["chat", "CPU time for each delivery"], rows, FIRST)
        text = "\n".join([f"{what}: {checked}", *(f"{name}: …" for name in costs)])
        super().__init__(text, box(table, f"{what}: {checked}"))

    def __getitem__(self, name: str) -> float:
        return self._costs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._costs)

    def __len__(self) -> int:
        return len(self._costs)


def measure(*chats: Stage, at_once: int = 1, listeners: int = LISTENERS) -> Costs:
    """Send messages in each chat, and return the CPU time that each server needs for a delivery.

    `at_once` messages arrive together. Raises Undelivered if a listener misses a message, or gets one
    twice or out of order.
    """
    with ExitStack() as rooms:
        meters = [
            _Meter(chat, rooms.enter_context(_room(chat, listeners)), at_once) for chat in chats
        ]
        for turn in range(1, TURNS + 1):
            for meter in meters:
                meter.run(SPENT * turn / TURNS)
        return Costs({each.name: each.cost() for each in meters}, listeners, at_once)


class _Meter:
    """Measures the CPU time that the server of one chat uses for the messages in a room."""

    def __init__(self, chat: Stage, room: Room, at_once: int) -> None:
        self.name, self._room, self._at_once = chat.name, room, at_once
        server = psutil.Process(chat.pid)  # on Windows, this process only starts the server
        self._processes = [server, *server.children(recursive=True)]
        for _ in range(WARM_UP):
            room.say(at_once)
        self._deliveries, self._time = room.deliveries, self._cpu_time()

    def run(self, until: float) -> None:
        """Send messages until the server has used this many seconds of CPU time in total."""
        while self._cpu_time() - self._time < until:
            self._room.say(self._at_once)

    def cost(self) -> float:
        spent = self._cpu_time() - self._time
        return spent * MICROSECONDS / (self._room.deliveries - self._deliveries)

    def _cpu_time(self) -> float:
        times = [process.cpu_times() for process in self._processes]
        return float(sum(each.user + each.system for each in times))


class Profile(View):
    """How often each part of a broadcast runs (`calls`) and how many microseconds it takes (`times`)."""

    def __init__(self, name: str, laps: list[Lap], listeners: int, at_once: int) -> None:
        self.calls = {part: int(mode(lap[part][0] for lap in laps)) for part in PARTS}
        self.times = {part: median(lap[part][1] for lap in laps) for part in (*PARTS, REST)}
        whole = sum(self.times.values())
        heading = f"{name}: {_messages(at_once)} to {listeners} listeners"
        shares = {part: time / whole for part, time in self.times.items()}
        rows = [
            [part, f"{self.calls[part]} ×" if part in self.calls else "",
             _measured(share, f"{share:.0%}")]
            for part, share in shares.items()
        ]  # fmt: skip
        lines = [f"{part:<16}{calls:>5} ×" for part, calls in self.calls.items()]
        table = html_table(["part", "how often", "share of the time"], rows, FIRST)
        super().__init__("\n".join([heading, *lines]), box(table, heading))


def profile(chat: Stage, at_once: int = 1, listeners: int = LISTENERS) -> Profile:
    """Time the parts of a broadcast in a chat of lab 18.

    Raises Undelivered like `measure`, and LookupError for any other chat.
    """
    if not chat.is_tiny:
        raise LookupError(f"`profile` works only with chats in the lab on speed, not {chat.name}.")
    laps: list[Lap] = []
    with _room(chat, listeners) as room, requests.Session() as http:
        http.trust_env = False
        for _ in range(LAPS):
            http.post(f"{chat.url}/stopwatch", timeout=PATIENCE)
            room.say(at_once)
            laps.append(http.post(f"{chat.url}/stopwatch", timeout=PATIENCE).json())
        http.delete(f"{chat.url}/stopwatch", timeout=PATIENCE)
    return Profile(chat.name, laps, listeners, at_once)


@contextmanager
def _room(chat: Stage, listeners: int) -> Iterator[Room]:
    """Open a room in a chat. If a message is lost, the exception contains the server's last error."""
    before = chat.log
    try:
        with Room(chat.port, listeners) as room:
            yield room
    except Undelivered as problem:
        # Here, because the checks import this module.
        from workshop.checks.console import BEGIN, LOG_SAYS, last_error

        if isinstance(problem, Closed):
            chat.await_log(BEGIN)
        log = chat.log.removeprefix(before)
        said = f"{LOG_SAYS}{last_error(log)}" if BEGIN in log else ""
        raise Undelivered(f"{chat.name}: {problem}{said}") from None


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages at once"


def _measured(share: float, figure: str) -> str:
    """Return a figure with a bar. A share of 1.0 fills the available width.

    The figure and the bar differ on every run, so notebooks/sanitize.cfg replaces them.
    """
    return (
        '<div class="measured" style="display: flex; gap: .6em; align-items: center">'
        f'{BAR.format(share * 100)}<span style="min-width: 5em">{figure}</span></div>'
    )
