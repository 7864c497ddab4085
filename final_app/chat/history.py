"""Earlier messages: by page, around a message, and those that a client missed.

An answer has at most `budget.ANSWER_BYTES`. If this is not enough, the answer says that there is more.
"""

from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute

from final_app.chat import memberships
from final_app.chat.budget import ANSWER_BYTES, Budget
from final_app.chat.messages import to_dict
from final_app.chat.snapshots import Snapshot
from final_app.lib import clock
from final_app.storage.models import Message, Room, db

PAGE = 50  # messages
PAGE_MOST = 100  # messages
SYNC_MOST = 200  # changes in one room; a client that missed more reloads the last page
SLICE = 25  # messages that are read before others get their turn
TURN = 0.001  # seconds; after a pause of 0, gevent goes on before it has looked for other requests
ROOM_BYTES = 120  # of a room in the answer to `sync`, around its changes


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

    Without `before`, `after` or `around` (each a `seq`), it contains the newest messages. `first` and
    `last` say whether it contains the oldest (after retention) and the newest message of the room.
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
    memberships.get(user_id, room_id)  # others had their turn, and may have removed the user
    return {
        "messages": found,
        "first": found[0]["seq"] <= lowest if found else after is None or not highest,
        "last": found[-1]["seq"] >= highest if found else before is None or not highest,
        "last_seq": last_seq,
        "last_rev": last_rev,
    }


def missed(user_id: int, revs: dict[int, int]) -> dict[str, Any]:
    """Return the changes since a `rev` for each room: {changes, last_rev, reset, more}, oldest first.

    With `more`, the client has every change up to `last_rev`, and asks again from there. Rooms that the
    user is not in are left out. If there are more than SYNC_MOST changes, `reset` is true.
    """
    last_revs = memberships.last_revs(user_id)
    if revs.items() <= last_revs.items():  # as after most reconnections
        return {str(room_id): _answer([], rev) for room_id, rev in revs.items()}
    budget = Budget(ANSWER_BYTES - ROOM_BYTES * (len(revs.keys() & last_revs.keys()) + 1))
    found = {
        room_id: _since(_Reader(room_id, budget), revs[room_id], last_rev)
        for room_id, last_rev in last_revs.items()
        if room_id in revs
    }
    still_mine = memberships.ids_of(user_id)  # others had their turn, and may have removed the user
    return {str(room_id): found[room_id] for room_id in found if room_id in still_mine}


class _Reader:
    """Reads messages of a room until the answer is full, a few at a time, so that others get a turn.

    It continues from the value of a column, because messages may be changed or removed in the meantime.
    """

    def __init__(self, room_id: int, budget: Budget | None = None) -> None:
        self.room_id = room_id
        self.budget = budget or Budget()

    def read(
        self, column: InstrumentedAttribute[int], start: int, limit: int, *, newest: bool = False
    ) -> list[Snapshot]:
        """Return messages after `start`, or with `newest`, those before it, newest first."""
        found: list[Snapshot] = []
        while len(found) < limit:
            beyond = column < start if newest else column > start
            some = self._slice(beyond, column.desc() if newest else column, limit - len(found))
            for message in some:
                if not self.budget.takes(message):
                    return found
                found.append(message)
            if len(some) < SLICE:
                break
            start = found[-1][column.key]
        return found

    def back(self, before: int, limit: int) -> list[Snapshot]:
        """Return the messages before a `seq`, oldest first."""
        return self.read(Message.seq, before, limit, newest=True)[::-1]

    def around(self, seq: int, limit: int) -> list[Snapshot]:
        """Return the messages around a `seq`. The older half takes at most half of the answer."""
        whole, self.budget.most = self.budget.most, self.budget.most // 2
        older = self.back(seq + 1, limit - limit // 2)
        self.budget.most = whole
        return older + self.read(Message.seq, seq, limit // 2)

    def _slice(self, beyond: ColumnElement[bool], order: Any, most: int) -> list[Snapshot]:
        query = select(Message).where(Message.room_id == self.room_id, beyond).order_by(order)
        found = db.session.scalars(query.limit(min(SLICE, most)))
        some = [to_dict(message) for message in found]
        db.session.rollback()  # returns the connection to the pool, and forgets what may change now
        clock.pause(TURN)
        return some


def _ends(room_id: int) -> tuple[int, int]:
    """Return the lowest and highest `seq` of a room, or 0. Each query reads one index entry."""
    ends = (
        select(end(Message.seq)).where(Message.room_id == room_id) for end in (func.min, func.max)
    )
    lowest, highest = (db.session.scalar(end) or 0 for end in ends)
    return lowest, highest


def _since(reader: _Reader, rev: int, last_rev: int) -> dict[str, Any]:
    if rev == last_rev:
        return _answer([], rev)
    if rev > last_rev or _is_too_many(reader.room_id, rev, last_rev):  # or a restored database
        return _answer([], last_rev, reset=True)
    changes = [] if reader.budget.is_full else reader.read(Message.rev, rev, SYNC_MOST)
    done = changes[-1]["rev"] if changes else rev
    more = reader.budget.is_full and done < last_rev
    # The message with the last `rev` may be gone, and one stored since it was read has a later one.
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
    return (db.session.scalar(select(func.count()).select_from(counted)) or 0) > SYNC_MOST
