"""The lab on speed: everybody gets all messages, each message is framed once, and writes are shared."""

from collections.abc import Callable

from workshop.checks.console import BEGIN
from workshop.checks.promise import Broken, attempted, expect
from workshop.load import LISTENERS, Closed, Room, Undelivered
from workshop.speed import profile
from workshop.stages import Stage

TOGETHER = 4  # messages that arrive in one turn of the event loop
BURSTS = (1, TOGETHER, 1, TOGETHER)

Check = Callable[[Stage], None]


def everybody_gets_everything(chat: Stage) -> None:
    """Every listener gets every message, once and in order."""
    try:
        with Room(chat.port) as room:
            for messages in BURSTS:
                room.say(messages)
    except Undelivered as problem:
        if isinstance(problem, Closed):
            chat.await_log(BEGIN)
        raise Broken(f"Each of {LISTENERS} listeners gets each message once, and in order.",
                     str(problem),
                     "Every message must reach `self.write` for each receiver, exactly "
                     "once and in the order of the calls. If you keep frames in `self.waiting`, "
                     "`emit` calls `gevent.spawn(self.write_all)` while it is still empty, and "
                     "`write_all` replaces it with an empty dictionary."
                     ) from None  # fmt: skip


def a_message_is_framed_once(chat: Stage) -> None:
    """A message is turned into a string and a frame once, however many listeners there are."""
    calls = profile(chat).calls
    made = max(calls["make the text"], calls["make the frame"])
    attempted(made <= 1, "For each message, `emit` makes one string and one frame.",
              f"{calls['make the text']} strings and {calls['make the frame']} frames",
              "All receivers get the same bytes. Move the lines that make `text` and `frame` out "
              "of the loop, above `for`.")  # fmt: skip


def messages_share_a_write(chat: Stage) -> None:
    """Messages that arrive together share one write for each listener."""
    calls = profile(chat, at_once=TOGETHER).calls
    expect(calls["write it"] <= LISTENERS,
           f"For {TOGETHER} messages that arrive together, the server writes {LISTENERS} times, "
           "once for each listener.", f"{calls['write it']} writes",
           "`emit` keeps the frames of each receiver in `self.waiting`, a dict of lists. "
           'A greenlet that `gevent.spawn` starts writes `b"".join(frames)`: it runs when '
           "the handlers have returned.")  # fmt: skip


CHECKS: list[Check] = [
    everybody_gets_everything,
    a_message_is_framed_once,
    messages_share_a_write,
]
