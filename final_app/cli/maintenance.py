"""Commands for maintenance: back up, remove old data, show storage and create demo data."""

import secrets
import sqlite3
from pathlib import Path

import click
from flask.cli import AppGroup

from final_app import current, retention
from final_app.accounts import accounts
from final_app.chat import memberships, messages, uploads
from final_app.cli.command import command, rows
from final_app.lib import audit
from final_app.storage import backup, faults

AUDIT_DAYS = 30
MOST_DAYS = 3650

group = AppGroup("keeping")

DEMO = {
    "ada": ["Good morning! The engine is warm.", "Type `@bo` to mention someone, like this: @bo."],
    "bo": ["I'm here, @ada.", "**Bold**, *italic*, and a list:\n\n- one\n- two"],
    "cy": ["```\nprint('Hello')\n```", "That's all of us."],
}


@command(group, "backup PATH", tables=False)  # no migration before a backup
def back_up(path: str) -> str:
    """Copy the data to a new folder. The chat can keep running. With PostgreSQL, use pg_dump instead."""
    target = Path(path).absolute()
    try:
        held, missing = backup.create(current.settings(), target, click.echo)
    except (OSError, sqlite3.Error) as problem:
        if faults.means_full(problem):
            told = (
                f"The backup failed: the disk of {target.parent} or that of the database "
                f"{current.settings().database_path} is full. The incomplete copy has been removed."
            )
            raise click.ClickException(told) from None
        raise click.ClickException(f"The backup failed: {problem}.") from None
    told = f"Backed up to {path}: {retention.summary(held)}. The copy of the database was checked."
    return told + (f"\nFiles deleted during the backup: {', '.join(missing)}" if missing else "")


@command(group, "sweep")
def sweep() -> str:
    """Remove expired data. A running chat does this every hour."""
    swept = retention.sweep(current.files(), current.settings().retention_days)
    return f"Removed {retention.summary(swept)}."


@command(group, "storage")
def storage() -> list[tuple[object, ...]]:
    """Show the number and size of files by type, and the quota."""
    used, quota = uploads.stored_bytes(), current.settings().storage_quota
    total = ("all", f"of {quota:,} bytes" if quota else "no quota", used)
    by_type = rows(
        "SELECT mime, count(*), sum(size) FROM uploads GROUP BY mime ORDER BY sum(size) DESC"
    )
    return [*by_type, total]


@command(group, "audit", tables=False)
@click.option("--who", metavar="NAME", help="Show only events by or about this person.")
@click.option(
    "--days", default=AUDIT_DAYS, show_default=True, type=click.IntRange(1, MOST_DAYS),
    help="Number of days to show.",
)  # fmt: skip
def show_audit(who: str | None, days: int) -> list[tuple[str, ...]]:
    """Show the security log: time, event, person, address and outcome."""
    try:
        return audit.table(days, who)
    except OSError as problem:
        raise click.ClickException(
            f"Can't read the security log: {problem.strerror}: {problem.filename}. Expected the folder "
            "`audit` in CHAT_DATA_DIR. It belongs to the user who runs the chat, and is created with "
            "the first entry."
        ) from None


@command(group, "seed-demo")
def seed_demo() -> str:
    """Create three people and some messages in an empty installation, so that you can try the chat."""
    password = secrets.token_urlsafe(9)
    ids = {"ada": accounts.bootstrap("ada", password)}
    ids |= {name: accounts.create(name, password) for name in ("bo", "cy")}
    general = memberships.of(ids["ada"])[0]["id"]
    for number in range(2):
        for name, lines in DEMO.items():
            client_id = f"00000000-0000-4000-8000-{ids[name]:06d}{number:06d}"
            messages.post(ids[name], general, client_id, lines[number], None)
    return f"Created ada (administrator), bo and cy. Their password: {password}"
