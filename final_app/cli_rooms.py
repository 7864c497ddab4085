"""Commands about rooms. Whoever can run them may do in every room what its owner may."""

import click
from flask.cli import AppGroup

from final_app import memberships, overview, people, rooms
from final_app.rooms import OPERATOR
from final_app.terminal import command

group = AppGroup("rooms", help="Rooms, by the name in their address.")

Rows = list[tuple[object, ...]]


@command(group, "list")
def list_rooms() -> Rows:
    """Show every room but the direct ones: address, name, kind, how many people are in it."""
    return overview.rows(overview.ROOMS)


@command(group, "create NAME")
@click.option("--closed", is_flag=True, help="Only who is brought in gets in.")
@click.option("--owner", required=True, metavar="NAME", help="Whose room it is.")
def create(name: str, closed: bool, owner: str) -> str:
    """Make a room."""
    owner_id = people.id_of(owner)
    room_id = rooms.create(owner_id, name, "closed" if closed else "open")
    return f"Made the room {name}: /r/{memberships.one(owner_id, room_id)['slug']}"


@command(group, "rename SLUG NAME")
def rename(slug: str, name: str) -> str:
    """Give a room another name; its address stays."""
    rooms.rename(OPERATOR, rooms.id_of(slug), name)
    return f"/r/{slug} is called {name}."


@command(group, "archive SLUG")
def archive(slug: str) -> str:
    """Close a room for writing."""
    rooms.archive(OPERATOR, rooms.id_of(slug))
    return f"/r/{slug} is archived: it can be read, and no longer written in."


@command(group, "unarchive SLUG")
def unarchive(slug: str) -> str:
    """Open an archived room for writing."""
    rooms.unarchive(OPERATOR, rooms.id_of(slug))
    return f"/r/{slug} can be written in again."


@command(group, "members SLUG")
def members(slug: str) -> Rows:
    """Show who is in a room, and whose it is."""
    return overview.rows(overview.MEMBERS, room=rooms.id_of(slug))
