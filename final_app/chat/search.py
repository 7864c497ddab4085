"""Search the messages in the user's rooms, with SQLite's full-text index (FTS5)."""

import itertools
import re
from typing import Any

from sqlalchemy import select, text

from final_app.chat import memberships
from final_app.chat.budget import Budget
from final_app.chat.messages import to_dict
from final_app.errors import Invalid
from final_app.storage.models import Message, Room, db

LONGEST_QUERY = 100  # characters
RESULTS, RESULTS_MOST = 20, 50
EXCERPT = 24  # words around the first match
BEGIN, END = "\x02", "\x03"  # around a match; no message contains them

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
    """Return {results: [{message, room, parts}], more}, newest first.

    There are fewer than `limit` results if an answer has no space for them. A result contains every
    word of the query; the last word can be incomplete. `before` is the id of the last message of the
    previous page. `parts` is an excerpt as a list of [text, whether it matched]. It shows the text as it
    was typed, because that is what was searched: a match may not be visible on the page (in the URL of
    a link, for example).
    """
    words = _as_fts5(query)
    if room_id is not None:
        memberships.get(user_id, room_id)
    limit = min(limit, RESULTS_MOST)
    asked = {"user": user_id, "words": words, "room": room_id, "before": before or 2**62}
    more = {"begin": BEGIN, "end": END, "excerpt": EXCERPT, "limit": limit + 1}
    rows = db.session.execute(FOUND, asked | more).all()
    excerpts = {row.id: _parts(row.excerpt) for row in rows[:limit]}
    hits = select(Message, Room).join(Room, Room.id == Message.room_id)
    hits = hits.where(Message.id.in_(excerpts)).order_by(Message.id.desc())
    found = (
        {"message": to_dict(message), "room": _as_place(room), "parts": excerpts[message.id]}
        for message, room in db.session.execute(hits)
    )
    results = list(itertools.takewhile(Budget().takes, found))
    return {"results": results, "more": len(rows) > len(results)}


def _as_fts5(query: str) -> str:
    """Return the query in the syntax of FTS5, without any operators."""
    words = re.findall(r"\w+", query[:LONGEST_QUERY])
    if not words or len(query) > LONGEST_QUERY:
        raise Invalid(
            f"Expected words to search for, at most {LONGEST_QUERY} characters.", field="q"
        )
    return " ".join(f'"{word}"' for word in words) + "*"


def _as_place(room: Room) -> dict[str, Any]:
    return {"id": room.id, "slug": room.slug, "name": room.name, "kind": room.kind}


def _parts(excerpt: str) -> list[tuple[str, bool]]:
    """Split an excerpt such as "one [two] three" into pieces, each with whether it matched."""
    pieces = re.split(f"{BEGIN}(.*?){END}", excerpt, flags=re.DOTALL)
    return [(piece, place % 2 == 1) for place, piece in enumerate(pieces) if piece]
