"""Read stored messages: a page of them, those around a message, or those that a client missed.

A response has at most `budget.ANSWER_BYTES`. If it leaves something out, it says so.
"""

import itertools
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute

from final_app.chat import memberships, slices
from final_app.chat.budget import ANSWER_BYTES, Budget
from final_app.chat.messages import to_dict
from final_app.chat.snapshots import Snapshot
from final_app.storage.models import Message, Room, db

PAGE = 50  # messages
PAGE_MOST = 100  # messages
SYNC_MOST = 200  # changes in one room; a client that missed more reloads the last page
SLICE = 25  # messages that are read in one slice
ROOM_BYTES = 120  # of JSON around the changes of a room in the answer to `sync`


def page(
    user_id: int,
    room_id: int,
    *,
    before: int | None = None,
    after: int | None = None,
    around: int | None = None,
    limit: int = PAGE,
) -> dict[str, Any]:
    """Return a page as {messages: [oldest … newest], first, last, last_seq, last_rev}.

    `before`, `after` and `around` are each a `seq`. Without them, the page contains the newest messages.
    `first` is true if the page contains the oldest message that the room still has, and `last` is true
    if it contains the newest one.
    """
    memberships.get(user_id, room_id)
    room = db.session.get_one(Room, room_id)
    last_seq, last_rev = room.last_seq, room.last_rev
    lowest, highest = _ends(room_id)
    reader = _Reader(room_id)
    if around is not None:
        found = reader.around(around, limit)
    elif after is not None:
        found = reader.read(Message.seq, after, limit)
    else:
        found = reader.back(last_seq + 1 if before is None else before, limit)
    memberships.get(user_id, room_id)  # another request may have removed the user in the meantime
    return {
        "messages": found,
        "first": found[0]["seq"] <= lowest if found else after is None or not highest,
        "last": found[-1]["seq"] >= highest if found else before is None or not highest,
        "last_seq": last_seq,
        "last_rev": last_rev,
    }


def where_left_off(user_id: int, room: dict[str, Any]) -> dict[str, Any]:
    """Return the newest page of a room, or the page on which the user has stopped reading.

    The newest page may begin after the first unread message. It would then hide the earlier unread
    messages, because everything counts as read as soon as the end of the room is on the screen. But if
    the user has written a message on this page, they have already been at the end of the room.
    """
    read, newest = room["last_read_seq"], page(user_id, room["id"])
    found = newest["messages"]
    begins_later = not newest["first"] and found[0]["seq"] > read
    has_been_here = any(message["author"]["id"] == user_id for message in found)
    if room["unread"] and begins_later and not has_been_here:
        return page(user_id, room["id"], around=read)
    return newest


def missed(user_id: int, revs: dict[int, int]) -> dict[str, Any]:
    """Return the changes in each room since a `rev`, as {room id: {changes, last_rev, reset, more}}.

    `revs` maps each room id to the last `rev` that the client knows. The changes are sorted, oldest
    first. Rooms that the user is not in are left out. If a room has more than SYNC_MOST changes,
    `reset` is true, and there are no changes. If `more` is true, the response was full. It contains all
    changes up to `last_rev`, and the client has to ask for the rest.
    """
    last_revs = memberships.last_revs(user_id)
    if revs.items() <= last_revs.items():  # as after most reconnections
        return {str(room_id): _answer([], rev) for room_id, rev in revs.items()}
    budget = Budget(ANSWER_BYTES - ROOM_BYTES * (len(revs.keys() & last_revs.keys()) + 1))
    found = {}
    for room_id, last_rev in last_revs.items():
        if room_id in revs:
            found[room_id] = _since(_Reader(room_id, budget), revs[room_id], last_rev)
    still_mine = memberships.ids_of(user_id)  # the user may have been removed in the meantime
    return {str(room_id): found[room_id] for room_id in found if room_id in still_mine}


class _Reader:
    """Reads messages of a room until the response is full.

    It reads a few messages at a time, so that other requests get a turn. Each query starts after the
    last value of a column and not at an offset, because messages may change or be removed in between.
    """

    def __init__(self, room_id: int, budget: Budget | None = None) -> None:
        self.room_id = room_id
        self.budget = budget or Budget()

    def read(
        self, column: InstrumentedAttribute[int], start: int, limit: int, *, newest: bool = False
    ) -> list[Snapshot]:
        """Return the messages after `start` or, if `newest`, those before it with the newest first."""
        found: list[Snapshot] = []
        while len(found) < limit:
            beyond = column < start if newest else column > start
            with slices.one():
                some = self._some(beyond, column.desc() if newest else column, limit - len(found))
                found += itertools.takewhile(self.budget.takes, some)
            if self.budget.is_full or len(some) < SLICE:
                break
            start = found[-1][column.key]
        return found

    def back(self, before: int, limit: int) -> list[Snapshot]:
        """Return the messages before a `seq`, oldest first."""
        return self.read(Message.seq, before, limit, newest=True)[::-1]

    def around(self, seq: int, limit: int) -> list[Snapshot]:
        """Return the messages around a `seq`. The older half can fill at most half of the response."""
        whole, self.budget.most = self.budget.most, self.budget.most // 2
        older = self.back(seq + 1, limit - limit // 2)
        self.budget.most = whole
        return older + self.read(Message.seq, seq, limit // 2)

    def _some(self, beyond: ColumnElement[bool], order: Any, most: int) -> list[Snapshot]:
        query = select(Message).where(Message.room_id == self.room_id, beyond).order_by(order)
        found = db.session.scalars(query.limit(min(SLICE, most)))
        return [to_dict(message) for message in found]


def _ends(room_id: int) -> tuple[int, int]:
    """Return the lowest and the highest `seq` of a room, or (0, 0). Each query reads one index entry."""
    ends = (
        select(end(Message.seq)).where(Message.room_id == room_id) for end in (func.min, func.max)
    )
    lowest, highest = (db.session.scalar(end) or 0 for end in ends)
    return lowest, highest


def _since(reader: _Reader, rev: int, last_rev: int) -> dict[str, Any]:
    if rev == last_rev:
        return _answer([], rev)
    # A client knows a `rev` above the last one if an older backup of the database was restored.
    if rev > last_rev or _is_too_many(reader.room_id, rev, last_rev):
        return _answer([], last_rev, reset=True)
    changes = [] if reader.budget.is_full else reader.read(Message.rev, rev, SYNC_MOST)
    done = changes[-1]["rev"] if changes else rev
    more = reader.budget.is_full and done < last_rev
    # Retention may have removed the message with the last `rev`. A message that was stored after
    # `last_rev` was read has a higher one.
    last_rev = done if more else max(last_rev, done)
    return _answer(changes, last_rev, more=more)


def _answer(
    changes: list[Snapshot], last_rev: int, *, reset: bool = False, more: bool = False
) -> dict[str, Any]:
    return {"changes": changes, "last_rev": last_rev, "reset": reset, "more": more}


def _is_too_many(room_id: int, rev: int, last_rev: int) -> bool:
    """Return whether a client missed changes to more than SYNC_MOST messages."""
    if last_rev - rev <= SYNC_MOST:
        return False
    some = select(Message.id).where(Message.room_id == room_id, Message.rev > rev)
    counted = some.limit(SYNC_MOST + 1).subquery()
    with slices.one():
        return (db.session.scalar(select(func.count()).select_from(counted)) or 0) > SYNC_MOST
