"""Search the messages in the user's rooms, with the full-text index of SQLite (FTS5) or PostgreSQL.

Both indexes contain the same words. Case and accents are ignored, and a word ends at every character
that is neither a letter nor a digit.
"""

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import TextClause, select, text

from final_app.chat import memberships, slices
from final_app.chat.budget import Budget
from final_app.chat.messages import to_dict
from final_app.errors import Invalid
from final_app.storage import sqlite
from final_app.storage.models import Message, Room, db
from final_app.storage.transaction import release_connection

LONGEST_QUERY = 100  # characters
LONGEST_WORD = 2 * LONGEST_QUERY  # characters that are compared; half of them may be accents
RESULTS, RESULTS_MOST = 20, 50
SLICE = 5  # results that are prepared in one slice
FEW_ROOMS = 20
NEWEST = 10_000  # messages in which PostgreSQL looks for a word before it uses its index
BEFORE, AFTER = 8, 16  # words of an excerpt before and after the beginning of the first match
WORD = re.compile(r"(?:[^\W_][\u0300-\u036f]*)+")  # a letter or digit with its combining accents
ACCENT = re.compile(r"[\u0300-\u036f]")

Parts = list[tuple[str, bool]]


def _read(statement: TextClause, asked: dict[str, Any]) -> list[int]:
    return list(db.session.scalars(statement, asked))


class Dialect(NamedTuple):
    """The search in one kind of database.

    `find` contains statements that select the ids of messages. A statement is only run if the one before
    it has not found enough. `read` runs a statement and returns the ids. `words` writes a query, for
    messages in some rooms, in the database's own syntax.
    """

    find: tuple[TextClause, ...]
    read: Callable[[TextClause, dict[str, Any]], list[int]]
    words: Callable[[list[list[str]], set[int]], str]


def _as_fts5(phrases: list[list[str]], rooms: set[int]) -> str:
    """Name the rooms, so that SQLite skips the matches in all others. MAY_READ still checks the rights.

    A query with many rooms is slow. Somebody in many rooms can probably read most matches anyway.
    """
    words = " AND ".join(f'"{" ".join(phrase)}"' for phrase in phrases)
    query = f"text : ({words}*)"
    if 0 < len(rooms) <= FEW_ROOMS:
        query += f" AND room_id : ({' OR '.join(map(str, rooms))})"
    return query


def _as_tsquery(phrases: list[list[str]], rooms: set[int]) -> str:
    """Decompose each character, as PostgreSQL's index does. が, for example, then ends a word."""
    apart = [WORD.findall(unicodedata.normalize("NFD", " ".join(words))) for words in phrases]
    apart[-1][-1] += ":*"  # only the beginning of this word
    return " & ".join(f"({' <-> '.join(words)})" for words in apart)


MAY_READ = """
    JOIN memberships ON memberships.room_id = found.room_id AND memberships.user_id = :user
    WHERE (CAST(:room AS integer) IS NULL OR found.room_id = :room) AND found.deleted_at IS NULL
"""
IN_FTS5 = text(f"""
    SELECT found.id FROM messages_fts JOIN messages AS found ON found.id = messages_fts.rowid
    {MAY_READ} AND messages_fts MATCH :words AND messages_fts.rowid < :before
    ORDER BY messages_fts.rowid DESC LIMIT :limit
""")
# In PostgreSQL's index, a word such as "#7" stands for the room 7.
ITS_ROOMS = """(
    SELECT CAST(string_agg('''#' || room_id || '''', ' | ') AS tsquery) FROM memberships
    WHERE user_id = :user AND (CAST(:room AS integer) IS NULL OR room_id = :room)
)"""
# PostgreSQL cannot read its index from the newest message to the oldest one, and does not know how many
# messages contain a word. It finds common words among the newest messages, and other words by the index.
AMONG_THE_NEWEST = text(f"""
    SELECT found.id FROM (
        SELECT * FROM messages WHERE id < :before ORDER BY id DESC LIMIT {NEWEST}
    ) AS found
    {MAY_READ} AND found.words @@ to_tsquery('simple', :words)
    ORDER BY found.id DESC LIMIT :limit
""")
BY_THE_INDEX = text(f"""
    WITH found AS MATERIALIZED (
        SELECT id, room_id, deleted_at FROM messages
        WHERE words @@ (to_tsquery('simple', :words) && {ITS_ROOMS}) AND id < :before
    )
    SELECT found.id FROM found {MAY_READ} ORDER BY found.id DESC LIMIT :limit
""")
DIALECTS = {
    # A phrase takes seconds if tens of thousands of messages contain its words hundreds of times.
    "sqlite": Dialect((IN_FTS5,), sqlite.read_slowly, _as_fts5),
    "postgresql": Dialect((AMONG_THE_NEWEST, BY_THE_INDEX), _read, _as_tsquery),
}


def find(
    user_id: int, query: str, *, room_id: int | None, before: int | None, limit: int = RESULTS
) -> dict[str, Any]:
    """Return {results: [{message, room, parts}], more}, newest first.

    A message is found if it contains every word of the query. The last word can be incomplete. `before`
    is the id of the last message on the previous page of results. If a response has no space for all
    results, it contains fewer than `limit`.

    `parts` is an excerpt as a list of [text, whether it matched]. The excerpt shows the text as it was
    typed, because the search uses this text. A match may be in a part that the formatted message does
    not show, such as the URL of a link.
    """
    phrases = _phrases(query)
    if room_id is not None:
        memberships.get(user_id, room_id)
    rooms = memberships.ids_of(user_id) if room_id is None else {room_id}
    limit = min(limit, RESULTS_MOST)
    dialect = DIALECTS[db.engine.dialect.name]
    asked = {"user": user_id, "room": room_id, "before": before or 2**62, "limit": limit + 1}
    ids = _first(dialect, asked | {"words": dialect.words(phrases, rooms)}, limit)
    budget = Budget()
    results = list(itertools.takewhile(budget.takes, _results(ids[:limit], phrases)))
    still_mine = memberships.ids_of(user_id)  # during the pauses, the user may have been removed
    results = [each for each in results if each["room"]["id"] in still_mine]
    return {"results": results, "more": len(ids) > limit or budget.is_full}


def _results(ids: list[int], phrases: list[list[str]]) -> Iterator[dict[str, Any]]:
    """Yield the results, a few from each slice."""
    for start in range(0, len(ids), SLICE):
        hits = select(Message, Room).join(Room, Room.id == Message.room_id)
        hits = hits.where(Message.id.in_(ids[start : start + SLICE]), Message.deleted_at.is_(None))
        hits = hits.order_by(Message.id.desc())
        with slices.one():
            some = [
                {
                    "message": to_dict(message),
                    "room": _as_place(room),
                    "parts": excerpt(message.text, phrases),
                }
                for message, room in db.session.execute(hits)
            ]
        yield from some


def _first(dialect: Dialect, asked: dict[str, Any], enough: int) -> list[int]:
    ids: list[int] = []
    release_connection()  # `read` may need another one
    for statement in dialect.find:
        if len(ids) <= enough:
            ids = dialect.read(statement, asked)
    return ids


def excerpt(said: str, phrases: list[list[str]]) -> Parts:
    """Return the text around the first match as a list of (piece, whether the piece matched)."""
    words = list(WORD.finditer(said))
    whole, beginning = {word for phrase in phrases for word in phrase}, phrases[-1][-1]
    matches = [
        (plain := _folded(each[0][:LONGEST_WORD])) in whole or plain.startswith(beginning)
        for each in words
    ]
    first = matches.index(True) if True in matches else 0
    here, end = max(first - BEFORE, 0), first + AFTER
    pieces = [("…", False)] if here else []
    place = words[here].start() if here else 0
    for word, match in zip(words[here:end], matches[here:end], strict=True):
        if match:
            pieces += [(said[place : word.start()], False), (word[0], True)]
            place = word.end()
    cut = end < len(words)
    pieces.append((said[place : words[end - 1].end()] + "…" if cut else said[place:], False))
    return [(piece, match) for piece, match in pieces if piece]


def _phrases(query: str) -> list[list[str]]:
    """Split a query into phrases, and each phrase into words. Raises Invalid.

    Blanks and punctuation separate phrases. Within a phrase, underscores separate the words.
    """
    found = [
        WORD.findall(_folded(each))
        for each in re.findall(r"[\w\u0300-\u036f]+", query[:LONGEST_QUERY])
    ]
    phrases = [words for words in found if words]
    if not phrases or len(query) > LONGEST_QUERY:
        raise Invalid(
            f"Expected words to search for, at most {LONGEST_QUERY} characters.", field="q"
        )
    return phrases


def _folded(word: str) -> str:
    """Return a word in lowercase and without accents. Characters such as 한 and が stay as they are."""
    return unicodedata.normalize("NFC", ACCENT.sub("", unicodedata.normalize("NFD", word.lower())))


def _as_place(room: Room) -> dict[str, Any]:
    return {"id": room.id, "slug": room.slug, "name": room.name, "kind": room.kind}
