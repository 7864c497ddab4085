"""Commands that keep the chat: back it up, sweep it, weigh it, and fill an empty one."""

import secrets
import sqlite3
from pathlib import Path

import click
from flask.cli import AppGroup

from final_app import accounts, backup, gate, keeping, memberships, messages, overview, uploads
from final_app.terminal import command

group = AppGroup("keeping")

DEMO = {
    "ada": ["Good morning! The engine is warm.", "Try `@bo` to call somebody by name, @bo."],
    "bo": ["I am here, @ada.", "**Bold**, *slanted*, and a list:\n\n- one\n- two"],
    "cy": ["```\nprint('Hello')\n```", "That is all of us."],
}


@command(group, "backup PATH", tables=False)  # as they are: one makes a backup before an upgrade
def back_up(path: str) -> str:
    """Copy everything into a new folder, while the chat serves."""
    try:
        held, missing = backup.make(gate.settings(), Path(path).absolute(), click.echo)
    except (OSError, sqlite3.Error) as problem:
        raise click.ClickException(f"No backup was made: {problem}.") from None
    told = f"{path} holds {keeping.counted(held)}. The copied database was checked."
    return told + (f"\nFiles that were deleted meanwhile: {', '.join(missing)}" if missing else "")


@command(group, "sweep")
def sweep() -> str:
    """Remove what has had its time. The chat itself does it every hour."""
    swept = keeping.sweep(gate.files(), gate.settings().retention_days)
    return f"Removed {keeping.counted(swept)}."


@command(group, "storage")
def storage() -> list[tuple[object, ...]]:
    """Show the files by type: how many, and how many bytes; then all, and how many there may be."""
    used, quota = uploads.stored_bytes(), gate.settings().storage_quota
    total = ("all", f"of {quota:,} bytes" if quota else "no quota", used)
    return [*overview.rows(overview.FILES), total]


@command(group, "seed-demo")
def seed_demo() -> str:
    """Fill an empty installation with Ada, Bo and Cy, for a look around."""
    password = secrets.token_urlsafe(9)
    ids = {"ada": accounts.begin("ada", password)}
    ids |= {name: accounts.create(name, password) for name in ("bo", "cy")}
    general = memberships.of(ids["ada"])[0]["id"]
    for number in range(2):
        for name, lines in DEMO.items():
            client_id = f"00000000-0000-4000-8000-{ids[name]:06d}{number:06d}"
            messages.post(ids[name], general, client_id, lines[number], None)
    return f"ada (administrator), bo and cy are here. Their password: {password}"
