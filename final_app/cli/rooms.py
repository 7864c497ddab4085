"""Commands about rooms. They have the permissions of the owner in every room."""

import click
from flask.cli import AppGroup

from final_app.chat import memberships, people, rooms
from final_app.chat.rooms import OPERATOR
from final_app.cli.command import command, rows

group = AppGroup("rooms", help="Manage rooms. SLUG is the part of a room's address after /r/.")

Rows = list[tuple[object, ...]]


@command(group, "list")
def list_rooms() -> Rows:
    """List all rooms except direct ones: slug, name, kind and number of members."""
    return rows("""
        SELECT slug, name, CASE WHEN archived_at IS NULL THEN kind ELSE 'archived' END,
            (SELECT count(*) FROM memberships WHERE room_id = rooms.id)
        FROM rooms WHERE kind <> 'direct' ORDER BY lower(name)
    """)


@command(group, "create NAME")
@click.option(
    "--closed",
    is_flag=True,
    help="Create a closed room: people can't join it, but members can add them.",
)
@click.option("--owner", required=True, metavar="NAME", help="Username of the owner.")
def create(name: str, closed: bool, owner: str) -> str:
    """Create a room."""
    owner_id = people.id_of(owner)
    room_id = rooms.create(owner_id, name, "closed" if closed else "open")
    return f"Created the room {name}: /r/{memberships.one(owner_id, room_id)['slug']}"


@command(group, "rename SLUG NAME")
def rename(slug: str, name: str) -> str:
    """Rename a room. Its address stays the same."""
    rooms.rename(OPERATOR, rooms.id_of(slug), name)
    return f"/r/{slug} is now called {name}."


@command(group, "archive SLUG")
def archive(slug: str) -> str:
    """Make a room read-only."""
    rooms.archive(OPERATOR, rooms.id_of(slug))
    return f"/r/{slug} is archived: members can read it, but not send messages."


@command(group, "unarchive SLUG")
def unarchive(slug: str) -> str:
    """Make an archived room writable again."""
    rooms.unarchive(OPERATOR, rooms.id_of(slug))
    return f"/r/{slug} is no longer archived."


@command(group, "add SLUG NAME")
def add(slug: str, name: str) -> str:
    """Add a person to a room. If the room has no members, the person becomes its owner."""
    rooms.add_member(OPERATOR, rooms.id_of(slug), people.id_of(name))
    return f"{name.lower()} is in /r/{slug}."


@command(group, "members SLUG")
def members(slug: str) -> Rows:
    """List the members of a room and their roles."""
    members_of = """
        SELECT username, memberships.role FROM memberships JOIN users ON users.id = user_id
        WHERE room_id = :room ORDER BY username
    """
    return rows(members_of, room=rooms.id_of(slug))
