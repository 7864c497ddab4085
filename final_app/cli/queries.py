"""The SQL statements of the commands that list something."""

from typing import Any

from final_app.storage.models import db

USERS = "SELECT username, name, role, status FROM users WHERE status <> 'deleted' ORDER BY username"
INVITES = """SELECT code, username, uses_left, expires_at FROM invites
    JOIN users ON users.id = created_by ORDER BY invites.id"""
ROOMS = """SELECT slug, name, CASE WHEN archived_at IS NULL THEN kind ELSE 'archived' END,
    (SELECT count(*) FROM memberships WHERE room_id = rooms.id)
    FROM rooms WHERE kind <> 'direct' ORDER BY lower(name)"""
MEMBERS = """SELECT username, memberships.role FROM memberships
    JOIN users ON users.id = user_id WHERE room_id = :room ORDER BY username"""
FILES = "SELECT mime, count(*), sum(size) FROM uploads GROUP BY mime ORDER BY sum(size) DESC"


def rows(statement: str, **values: int) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.session.execute(db.text(statement), values)]
