"""Schemas: the fields of each event, with their types and limits."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from final_app.errors import Invalid
from final_app.storage.models import LARGEST_NUMBER

MOST_UPLOADS = 50  # per message; the setting can be lower
MOST_ROOMS = 1000  # in one `sync`

Number = Field(ge=0, le=LARGEST_NUMBER)

S = TypeVar("S", bound="Schema")


class Schema(BaseModel):
    """The payload of an event: exactly these fields, of exactly these types."""

    # Checking the length makes pydantic decode each text. This rejects unpaired surrogates, which
    # cannot be stored.
    model_config = ConfigDict(strict=True, extra="forbid", str_min_length=0)


class NewMessage(Schema):
    room: int = Number
    client_id: str = Field(max_length=36)
    text: str
    reply_to: int | None = Field(None, ge=0, le=LARGEST_NUMBER)
    uploads: list[str] = Field([], max_length=MOST_UPLOADS)


class EditMessage(Schema):
    id: int = Number
    text: str


class DeleteMessage(Schema):
    id: int = Number


class React(Schema):
    id: int = Number
    emoji: str
    on: bool


class MarkRead(Schema):
    room: int = Number
    seq: int = Number


class Sync(Schema):
    rooms: dict[str, int] = Field(max_length=MOST_ROOMS)


class Typing(Schema):
    room: int = Number
    on: bool


def parse(schema: type[S], payload: tuple[object, ...]) -> S:
    """Return the payload as an instance of its schema. Raises Invalid with the first error."""
    if len(payload) != 1:
        raise Invalid(f"Expected one object; got {len(payload)} values.")
    try:
        return schema.model_validate(payload[0])
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        what = f"{field}: {first['msg']}" if field else f"Expected an object. {first['msg']}"
        raise Invalid(what, field=field) from None
