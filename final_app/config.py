"""Settings: read from the environment, prefix CHAT_, and refused at the start when wrong."""

import difflib
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from limits import parse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from final_app.errors import WrongSetting

PREFIX = "CHAT_"
SECRET_BYTES = 32
MOST_BYTES, MOST_PIXELS = 1_000_000_000, 200_000_000
HOST_NAME = re.compile(r"\*|\.?[0-9a-z-]+(\.[0-9a-z-]+)*")


def _is_limit(text: str) -> str:
    try:
        parse(text)
    except ValueError:
        raise ValueError("expected a rate such as `20 per 10 seconds`") from None
    return text


def _is_database(text: str) -> str:
    try:
        if text:
            make_url(text).get_dialect().import_dbapi()
    except (ArgumentError, ImportError) as problem:
        raise ValueError(f"expected an address such as `sqlite:///chat.db` ({problem})") from None
    return text


def _is_queue(text: str) -> str:
    if text and not text.startswith(("redis://", "rediss://")):
        raise ValueError("expected an address such as `redis://localhost:6379/0`")
    return text


def _is_hosts(text: str) -> str:
    """Return the names as the Host header has them, separated by blanks."""
    names = text.lower().replace(",", " ").split()
    try:
        found = [
            "." * name.startswith(".") + name.strip(".").encode("idna").decode() for name in names
        ]
    except UnicodeError:
        found = [""]
    if not all(HOST_NAME.fullmatch(name) for name in found):
        raise ValueError(
            "expected names without scheme, port or path, such as `chat.example.org`, "
            "`.example.org` for all names below it, or `*` for every name"
        )
    return " ".join(found)


def _is_ancestors(text: str) -> str:
    if not text.isprintable() or not text.strip() or {";", ","} & set(text):
        raise ValueError("expected `'none'`, `'self'` or origins such as `https://hub.example`")
    return text


Limit = Annotated[str, AfterValidator(_is_limit)]


class Settings(BaseModel):
    """All settings. The description of each is what docs/settings.md says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = Field(Path("instance"), description="Folder of the database and the secret.")
    database_url: Annotated[str, AfterValidator(_is_database)] = Field(
        "", description="SQLAlchemy address of the database; empty: chat.db in the data folder."
    )
    message_queue: Annotated[str, AfterValidator(_is_queue)] = Field(
        "", description="Redis address that connects several processes; empty: one process."
    )
    secret_key: str = Field(
        "", description="Signs the CSRF cookie; empty: made at the first start, kept in the folder."
    )
    open_registration: bool = Field(False, description="Let people register without an invite.")
    proxy_hops: int = Field(
        0, ge=0, le=5, description="How many reverse proxies stand in front and set X-Forwarded-*."
    )
    hosts: Annotated[str, AfterValidator(_is_hosts)] = Field(
        "",
        description="Names that the chat answers to, such as `chat.example.org`, besides localhost, "
        "IP addresses and the machine's own name.",
    )
    frame_ancestors: Annotated[str, AfterValidator(_is_ancestors)] = Field(
        "'none'", description="Who may show the pages in a frame, as Content-Security-Policy says."
    )
    limit_messages: Limit = Field(
        "20 per 10 seconds", description="New, edited and deleted messages of one person."
    )
    limit_actions: Limit = Field(
        "60 per 10 seconds", description="Every other event or request that changes something."
    )
    limit_logins: Limit = Field(
        "10 per 5 minutes", description="Failed log-ins of one name from one address."
    )
    limit_logins_address: Limit = Field(
        "100 per 5 minutes", description="Failed log-ins and registrations from one address."
    )

    limit_uploads: Limit = Field("100 per 10 minutes", description="Files of one person.")
    upload_size: int = Field(
        10_000_000, ge=1, le=MOST_BYTES, description="Bytes that one file may have."
    )
    upload_pixels: int = Field(
        50_000_000, ge=1, le=MOST_PIXELS, description="Pixels that one image may have, all frames."
    )
    upload_types: str = Field(
        "",
        description="Beginnings of the types that are let in, such as `image/ text/`; empty: all.",
    )
    uploads_per_message: int = Field(10, ge=1, le=50, description="Files that one message carries.")
    storage_quota: int = Field(
        0,
        ge=0,
        description="Bytes that all files may have together; 0: as many as there is room for.",
    )
    retention_days: int = Field(
        0, ge=0, le=36_500, description="Days after which messages and files are removed; 0: never."
    )
    inspector: bool = Field(
        False, description="Offer the protocol inspector (`Ctrl+.`) in the page, for learning."
    )

    @property
    def database(self) -> str:
        """The address of the database, also when none was set."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'chat.db').resolve()}"


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings. Raises WrongSetting with what was expected and what came."""
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise WrongSetting("\n".join(map(_explained, error.errors()))) from None


def secret(settings: Settings) -> str:
    """Return the secret: the one that is set, else the one in the data folder, made if need be."""
    if settings.secret_key:
        return settings.secret_key
    path = settings.data_dir / "secret"
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make_secret(path)
        return path.read_text(encoding="utf-8").strip()
    except OSError as problem:
        raise WrongSetting(
            f"{PREFIX}DATA_DIR: expected a folder to write in; it is set to "
            f"{str(settings.data_dir)!r}: {problem.strerror}."
        ) from None


def table() -> str:
    """Return the table of docs/settings.md."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {f'`{field.default}`' if str(field.default) else ''} "
        f"| {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| Setting | Default | What it is |", "| --- | --- | --- |", *rows])


def _make_secret(path: Path) -> None:
    """Make the file, whole or not at all."""
    handle, draft = tempfile.mkstemp(dir=path.parent)  # readable by its owner only
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(secrets.token_hex(SECRET_BYTES))
    Path(draft).replace(path)


def _explained(problem: Mapping[str, object]) -> str:
    location = problem["loc"]
    assert isinstance(location, tuple)
    name = str(location[0])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, Settings.model_fields, n=1)
        known = near or sorted(Settings.model_fields)
        meant = ", ".join(f"{PREFIX}{each.upper()}" for each in known)
        return f"{PREFIX}{name.upper()} is no setting. Did you mean {meant}?"
    expected = str(problem["msg"]).removeprefix("Value error, ")
    return (
        f"{PREFIX}{name.upper()}: {expected}. It is set to {problem['input']!r}; "
        f"its meaning: {Settings.model_fields[name].description}"
    )


if __name__ == "__main__":
    print(table())
