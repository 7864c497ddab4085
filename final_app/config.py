"""Settings, read from environment variables that start with CHAT_ and validated at startup."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.engine import make_url

from final_app.errors import WrongSetting
from final_app.setting_types import (
    DEFAULT_DATABASE,
    Ancestors,
    DatabaseUrl,
    Hosts,
    Key,
    Limit,
    MimeTypes,
)

PREFIX = "CHAT_"
LARGEST_PACKET = 100_000  # bytes of a request or a message; the longest needs less than 30,000
MOST_FIELDS = 10  # in a multipart form; the longest form of the chat has 5 fields
MOST_FIELD_BYTES = 10_000  # of one field in a multipart form
MOST_BYTES, MOST_PIXELS = 1_000_000_000, 200_000_000
REMOVED = {  # settings of earlier versions, and what to do instead
    "message_queue": "processes that share a PostgreSQL database (CHAT_DATABASE_URL) need nothing else. "
    "Remove the setting to start the chat.",
}
PASSWORD = re.compile(r"(://[^:]*:).*@")  # in the address of a database


class Settings(BaseModel):
    """All settings of the chat. Their descriptions also appear in docs/settings.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = Field(
        Path("instance"),
        description="Folder for the database, the uploads, the secret key and the security log.",
    )
    database_url: DatabaseUrl = Field(
        "",
        description="SQLAlchemy URL of a PostgreSQL or SQLite database. If the path to an SQLite "
        "database is relative, it starts in the data folder. If the setting is empty, the chat "
        "uses SQLite and `chat.db` in the data folder.",
    )
    secret_key: Key = Field(
        "",
        description="Key that signs the CSRF cookie: at least 16 random characters. If the setting is "
        "empty, the chat creates a key the first time it starts and stores it in the data folder.",
    )
    open_registration: bool = Field(False, description="Let people register without an invite.")
    proxy_hops: int = Field(
        0, ge=0, le=5, description="Number of proxies in front of the chat that set X-Forwarded-*."
    )
    hosts: Hosts = Field(
        "",
        description="Host names that the chat accepts, such as `chat.example.org`, in addition to "
        "localhost, IP addresses and the name of the machine.",
    )
    frame_ancestors: Ancestors = Field(
        "'none'", description="Sites that can show the chat in a frame (Content-Security-Policy)."
    )
    limit_messages: Limit = Field(
        "20 per 10 seconds", description="New, edited and deleted messages per user."
    )
    limit_actions: Limit = Field(
        "60 per 10 seconds",
        description="Reactions, read marks, typing, and requests that change something, per user. A "
        "password that is checked counts as 10, per username and IP address.",
    )
    limit_reads: Limit = Field(
        "1000 per 10 seconds",
        description="Requests that only read, such as pages and files, per user. Some count as several: "
        "a list of people, a list of rooms and a new connection as 3 each, a page of messages as 5, a "
        "search and the account page as 10 each, the page of a room as 15 (or as 20 if it was reached "
        "through `/`), and the event `sync` as 40.",
    )
    limit_logins: Limit = Field(
        "10 per 5 minutes", description="Failed logins per username and IP address."
    )
    limit_logins_address: Limit = Field(
        "100 per 5 minutes", description="Failed logins and all registrations per IP address."
    )

    limit_uploads: Limit = Field("100 per 10 minutes", description="Uploads per user.")
    upload_size: int = Field(
        10_000_000, ge=1, le=MOST_BYTES, description="Maximum size of a file, in bytes."
    )
    upload_pixels: int = Field(
        50_000_000,
        ge=1,
        le=MOST_PIXELS,
        description="Maximum number of pixels in an image, counting all its frames.",
    )
    upload_types: MimeTypes = Field(
        "",
        description="Prefixes of the allowed MIME types, such as `image/ text/`. If the setting is "
        "empty, all types are allowed.",
    )
    uploads_per_message: int = Field(
        10, ge=1, le=50, description="Maximum number of files per message."
    )
    storage_quota: int = Field(
        0,
        ge=0,
        description="Total size of all files, in bytes, at which the chat stops accepting uploads. 0 "
        "means that there is no quota.",
    )
    retention_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Days after which messages and files are removed. 0 means never.",
    )
    log: Literal["text", "json"] = Field(
        "text", description="Format of the log: `text` for people, or `json` for programs."
    )
    inspector: bool = Field(
        False, description="Let people open the protocol inspector (`Ctrl+.`), for learning."
    )

    @property
    def database(self) -> str:
        """The URL of the database, whether or not one was set."""
        path, url = self.database_path, make_url(self.database_url or DEFAULT_DATABASE)
        return str(url.set(database=str(path))) if path else self.database_url

    @property
    def database_path(self) -> Path | None:
        """The absolute path of the SQLite database, or None if the chat uses PostgreSQL."""
        url = make_url(self.database_url or DEFAULT_DATABASE)
        if url.get_backend_name() != "sqlite":
            return None
        return (self.data_dir / str(url.database)).resolve()


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings. Raises WrongSetting, which names the expected and the actual values."""
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        # Path("") would be the current folder, such as that of the program.
        if name.startswith(PREFIX) and (value or name != f"{PREFIX}DATA_DIR")
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise WrongSetting("\n".join(map(_explained, error.errors()))) from None


def table() -> str:
    """Return the table for docs/settings.md."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {f'`{field.default}`' if str(field.default) else ''} "
        f"| {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| Setting | Default | What it is |", "| --- | --- | --- |", *rows])


def _explained(problem: Mapping[str, object]) -> str:
    location = problem["loc"]
    assert isinstance(location, tuple)
    name = str(location[0])
    if name in REMOVED:
        return f"{PREFIX}{name.upper()} is no longer a setting: {REMOVED[name]}"
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, Settings.model_fields, n=1)
        known = near or sorted(Settings.model_fields)
        meant = ", ".join(f"{PREFIX}{each.upper()}" for each in known)
        return f"{PREFIX}{name.upper()} is not a setting. Did you mean {meant}?"
    expected = str(problem["msg"]).removeprefix("Value error, ")
    given = "***" if name == "secret_key" else PASSWORD.sub(r"\1***@", str(problem["input"]))
    return (
        f"{PREFIX}{name.upper()}: {expected}. It is set to {given!r}. "
        f"Its meaning: {Settings.model_fields[name].description}"
    )


if __name__ == "__main__":
    print(table())
