"""What was said before: by page, by jump, and what somebody missed."""

from typing import Any

from sqlalchemy import ColumnElement, func, select

from final_app import memberships
from final_app.messages import as_seen
from final_app.models import Message, Room, db

PAGE = 50  # messages
PAGE_MOST = 100  # messages
SYNC_MOST = 200  # changes of one room; who missed more reloads the last page


def page(
    user_id: int,
    room_id: int,
    *,
    before: int | None = None,
    after: int | None = None,
    around: int | None = None,
    limit: int = PAGE,
) -> dict[str, Any]:
    """Return {messages: [oldest … newest], first, last, last_seq, last_rev}; none named: the newest.

    `first` and `last` tell whether the page reaches the room's first and its newest message: of those
    that are there, since old ones may have been removed.
    """
    memberships.place(user_id, room_id)
    room = db.session.get_one(Room, room_id)
    lowest, highest = _ends(room_id)
    if around is not None:
        older = _some(room_id, Message.seq <= around, limit - limit // 2, newest=True)
        found = older + _some(room_id, Message.seq > around, limit // 2, newest=False)
    elif after is not None:
        found = _some(room_id, Message.seq > after, limit, newest=False)
    else:
        below = room.last_seq + 1 if before is None else before
        found = _some(room_id, Message.seq < below, limit, newest=True)
    return {
        "messages": [as_seen(message) for message in found],
        "first": found[0].seq <= lowest if found else after is None or not highest,
        "last": found[-1].seq >= highest if found else before is None or not highest,
        "last_seq": room.last_seq,
        "last_rev": room.last_rev,
    }


def missed(user_id: int, revs: dict[int, int]) -> dict[str, Any]:
    """Return, per room, what changed since a `rev`: {changes, last_rev, reset}, oldest change first.

    A room that the person may not read is left out. More than SYNC_MOST changes: `reset`.
    """
    mine = memberships.ids_of(user_id)
    return {str(room_id): _since(room_id, rev) for room_id, rev in revs.items() if room_id in mine}


def _some(room_id: int, where: ColumnElement[bool], limit: int, *, newest: bool) -> list[Message]:
    order = Message.seq.desc() if newest else Message.seq
    query = select(Message).where(Message.room_id == room_id, where).order_by(order).limit(limit)
    found = list(db.session.scalars(query))
    return found[::-1] if newest else found


def _ends(room_id: int) -> tuple[int, int]:
    """Return the smallest and the largest `seq` of a room, each by a look at the index; 0 for none."""
    ends = (
        select(end(Message.seq)).where(Message.room_id == room_id) for end in (func.min, func.max)
    )
    lowest, highest = (db.session.scalar(end) or 0 for end in ends)
    return lowest, highest


def _since(room_id: int, rev: int) -> dict[str, Any]:
    query = select(Message).where(Message.room_id == room_id, Message.rev > rev)
    last_rev = db.session.scalars(select(Room.last_rev).filter_by(id=room_id)).one()
    changes = list(db.session.scalars(query.order_by(Message.rev).limit(SYNC_MOST + 1)))
    if len(changes) > SYNC_MOST or rev > last_rev:  # too many, or a database from before a restore
        return {"changes": [], "last_rev": last_rev, "reset": True}
    # What had the last `rev` may be gone, and what came after the first look has a later one.
    last_rev = max([last_rev, *(each.rev for each in changes[-1:])])
    return {"changes": [as_seen(each) for each in changes], "last_rev": last_rev, "reset": False}
