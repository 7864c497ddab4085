"""What people say in a stage, and what they are answered."""

import socketio

from workshop.contract.asking import ask
from workshop.contract.families import Message, family_of
from workshop.contract.people import heard, messages_heard, name_of
from workshop.contract.promise import Broken
from workshop.stages import Stage

QUOTED = 90  # characters of a payload that a sentence quotes


def payload(
    chat: Stage, client: socketio.SimpleClient, text: str, room: int | None = None
) -> Message:
    """Return what `new_message` carries when this person says `text`."""
    family = family_of(chat)
    return family.payload(name_of(client), text, family.general if room is None else room)


def say(
    chat: Stage, client: socketio.SimpleClient, text: str, room: int | None = None, **more: object
) -> object:
    """Send a message and return its acknowledgement. Raises Broken when none comes."""
    return ask(chat, client, "new_message", payload(chat, client, text, room) | more)


def said(
    chat: Stage, client: socketio.SimpleClient, text: str, room: int | None = None, **more: object
) -> Message:
    """Send a message and return it as it was acknowledged. Raises Broken when it was not."""
    answer = say(chat, client, text, room, **more)
    message = answer.get("message") if isinstance(answer, dict) and answer.get("ok") else None
    if not isinstance(message, dict):
        raise Broken(
            expected='The acknowledgement is {"ok": true, "message": {…}}.',
            seen=f"{answer!r}",
            hint="From step 06 on, who sends hears what became of it: "
            '`return {"ok": True, "message": message}`.',
        )
    return message


def refused(
    chat: Stage,
    client: socketio.SimpleClient,
    event: str,
    data: object,
    *,
    code: str = "invalid",
    field: str = "",
    hint: str,
) -> None:
    """Ask that an event is refused, with this code and field. Raises Broken with the hint."""
    wanted = f'"code": "{code}"' + (f', "field": "{field}"' if field else "")
    expected = f"`{event}` with {_short(data)} is refused: "
    expected += f'{{"ok": false, "error": {{{wanted}, "message": "…"}}}}.'
    try:
        answer = ask(chat, client, event, data)
    except Broken as silence:
        raised = "must be returned" in silence.hint
        hint = silence.hint if raised else hint
        raise Broken(expected=expected, seen=silence.seen, hint=hint) from None
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or not isinstance(error, dict):
        raise Broken(expected=expected, seen=_short(answer), hint=hint)
    if answer.get("ok") is not False:
        hint = "A refusal says so: `ok` is False in it, and the reason stands in `error`."
    elif error.get("code") != code:
        hint = f'The code is for programs, the same everywhere: here it is "{code}".'
    elif field and error.get("field") != field:
        hint = f'`field` names what was wrong: `field="{field}"`, so that a page can point at it.'
    elif not str(error.get("message") or ""):
        hint = "`message` is a sentence for people: what was expected, what came."
    else:
        return
    raise Broken(expected=expected, seen=_short(answer), hint=hint)


def told(chat: Stage, client: socketio.SimpleClient, event: str) -> list[object]:
    """Return what came under this name, once all that was sent until now has arrived.

    The fence is an answer: what the server sent before it arrives before it. An empty message is
    refused, so that nobody hears of the question.
    """
    ask(chat, client, "new_message", payload(chat, client, ""))
    return [data for name, data in heard(client) if name == event]


def messages_told(chat: Stage, client: socketio.SimpleClient) -> list[Message]:
    """Return every message that has reached the client, all that was sent until now among them."""
    told(chat, client, "new_message")
    return messages_heard(chat, client)


def _short(data: object) -> str:
    text = repr(data)
    return f"{text[:QUOTED]}…" if len(text) > QUOTED else text
