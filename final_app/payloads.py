"""What an event may carry: its fields, their types, their limits."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from final_app.errors import Invalid

LARGEST_ID = 2**53 - 1  # the largest number that JavaScript counts with
MOST_UPLOADS = 50  # the setting may say less
MOST_ROOMS = 1000  # in one `sync`

Number = Field(ge=0, le=LARGEST_ID)

P = TypeVar("P", bound="Payload")


class Payload(BaseModel):
    """What an event carries: exactly these fields, of exactly these types."""

    # A length is asked for, so that each text is read: half a character can be stored nowhere.
    model_config = ConfigDict(strict=True, extra="forbid", str_min_length=0)


class NewMessage(Payload):
    room: int = Number
    client_id: str = Field(max_length=36)
    text: str
    reply_to: int | None = Field(None, ge=0, le=LARGEST_ID)
    uploads: list[str] = Field([], max_length=MOST_UPLOADS)


class EditMessage(Payload):
    id: int = Number
    text: str


class DeleteMessage(Payload):
    id: int = Number


class React(Payload):
    id: int = Number
    emoji: str
    on: bool


class MarkRead(Payload):
    room: int = Number
    seq: int = Number


class Sync(Payload):
    rooms: dict[str, int] = Field(max_length=MOST_ROOMS)


class SetView(Payload):
    room: int | None = Field(ge=0, le=LARGEST_ID)
    visible: bool


class Typing(Payload):
    room: int = Number
    on: bool


def parsed(shape: type[P], payload: tuple[object, ...]) -> P:
    """Return what came as this shape. Raises Invalid with the first thing that is wrong."""
    if len(payload) != 1:
        raise Invalid(f"Expected one object; came {len(payload)} values.")
    try:
        return shape.model_validate(payload[0])
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        what = f"{field}: {first['msg']}" if field else f"Expected an object. {first['msg']}"
        raise Invalid(what, field=field) from None
