"""Earlier messages: by page, around a message, and what a client missed."""

from typing import Any

from sqlalchemy import ColumnElement, func, select

from final_app.chat import memberships
from final_app.chat.messages import to_dict
from final_app.storage.models import Message, Room, db

PAGE = 50  # messages
PAGE_MOST = 100  # messages
SYNC_MOST = 200  # changes in one room; a client that missed more reloads the last page


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
    `last` say whether it reaches the oldest (after retention) and the newest message of the room.
    """
    memberships.get(user_id, room_id)
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
        "messages": [to_dict(message) for message in found],
        "first": found[0].seq <= lowest if found else after is None or not highest,
        "last": found[-1].seq >= highest if found else before is None or not highest,
        "last_seq": room.last_seq,
        "last_rev": room.last_rev,
    }


def missed(user_id: int, revs: dict[int, int]) -> dict[str, Any]:
    """Return the changes since a `rev` for each room: {changes, last_rev, reset}, oldest change first.

    Rooms that the user is not in are left out. After more than SYNC_MOST changes, `reset` is true.
    """
    mine = memberships.ids_of(user_id)
    return {str(room_id): _since(room_id, rev) for room_id, rev in revs.items() if room_id in mine}


def _some(room_id: int, where: ColumnElement[bool], limit: int, *, newest: bool) -> list[Message]:
    order = Message.seq.desc() if newest else Message.seq
    query = select(Message).where(Message.room_id == room_id, where).order_by(order).limit(limit)
    found = list(db.session.scalars(query))
    return found[::-1] if newest else found


def _ends(room_id: int) -> tuple[int, int]:
    """Return the lowest and highest `seq` of a room, or 0. Each query reads one index entry."""
    ends = (
        select(end(Message.seq)).where(Message.room_id == room_id) for end in (func.min, func.max)
    )
    lowest, highest = (db.session.scalar(end) or 0 for end in ends)
    return lowest, highest


def _since(room_id: int, rev: int) -> dict[str, Any]:
    query = select(Message).where(Message.room_id == room_id, Message.rev > rev)
    last_rev = db.session.scalars(select(Room.last_rev).filter_by(id=room_id)).one()
    changes = list(db.session.scalars(query.order_by(Message.rev).limit(SYNC_MOST + 1)))
    if len(changes) > SYNC_MOST or rev > last_rev:  # too many, or a restored database
        return {"changes": [], "last_rev": last_rev, "reset": True}
    # The message with the last `rev` may be gone, and one stored since the first query has a later one.
    last_rev = max([last_rev, *(each.rev for each in changes[-1:])])
    return {"changes": [to_dict(each) for each in changes], "last_rev": last_rev, "reset": False}
