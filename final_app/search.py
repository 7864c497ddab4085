"""Find what was said, in the rooms that one may read. SQLite answers from an FTS5 index."""

import re
from typing import Any

from sqlalchemy import select, text

from final_app import memberships
from final_app.errors import Invalid
from final_app.messages import as_seen
from final_app.models import Message, Room, db

LONGEST_QUERY = 100  # characters
RESULTS, RESULTS_MOST = 20, 50
EXCERPT = 24  # words around the first match
BEGIN, END = "\x02", "\x03"  # around a match; no message holds them

FOUND = text("""
    SELECT messages.id, snippet(messages_fts, 0, :begin, :end, '…', :excerpt) AS excerpt
    FROM messages_fts JOIN messages ON messages.id = messages_fts.rowid
    JOIN memberships ON memberships.room_id = messages.room_id AND memberships.user_id = :user
    WHERE messages_fts MATCH :words AND messages_fts.rowid < :before
    AND (:room IS NULL OR messages.room_id = :room) AND messages.deleted_at IS NULL
    ORDER BY messages_fts.rowid DESC LIMIT :limit
""")


def find(
    user_id: int, query: str, *, room_id: int | None, before: int | None, limit: int = RESULTS
) -> dict[str, Any]:
    """Return {results: [{message, room, parts}], more}, the newest first.

    Every word of the query has to occur, the last one as a beginning. `before` is the number of the
    message after which to go on. `parts` is an excerpt: [text, whether it matched] each. It shows what
    was typed, marks and all: that is what was searched. A hit may stand where the page shows nothing
    (in a link's address, say), and half an excerpt does not tell which stars are marks.
    """
    words = _as_fts5(query)
    if room_id is not None:
        memberships.place(user_id, room_id)
    limit = min(limit, RESULTS_MOST)
    asked = {"user": user_id, "words": words, "room": room_id, "before": before or 2**62}
    more = {"begin": BEGIN, "end": END, "excerpt": EXCERPT, "limit": limit + 1}
    rows = db.session.execute(FOUND, asked | more).all()
    excerpts = {row.id: _parts(row.excerpt) for row in rows[:limit]}
    results = [
        {"message": as_seen(message), "room": _as_place(room), "parts": excerpts[message.id]}
        for message, room in _with_rooms(list(excerpts))
    ]
    return {"results": results, "more": len(rows) > limit}


def _as_fts5(query: str) -> str:
    """Return the query as FTS5 takes it: no word of it is an operator."""
    words = re.findall(r"\w+", query[:LONGEST_QUERY])
    if not words or len(query) > LONGEST_QUERY:
        raise Invalid(f"Expected words to look for, {LONGEST_QUERY} characters at most.", field="q")
    return " ".join(f'"{word}"' for word in words) + "*"


def _with_rooms(message_ids: list[int]) -> Any:
    return db.session.execute(
        select(Message, Room)
        .join(Room, Room.id == Message.room_id)
        .where(Message.id.in_(message_ids))
        .order_by(Message.id.desc())
    )


def _as_place(room: Room) -> dict[str, Any]:
    return {"id": room.id, "slug": room.slug, "name": room.name, "kind": room.kind}


def _parts(excerpt: str) -> list[tuple[str, bool]]:
    """Split "one [two] three" into pieces, each with whether it matched."""
    pieces = re.split(f"{BEGIN}(.*?){END}", excerpt, flags=re.DOTALL)
    return [(piece, place % 2 == 1) for place, piece in enumerate(pieces) if piece]
