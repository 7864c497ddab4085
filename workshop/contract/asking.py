"""One event and its acknowledgement, one request and its answer."""

from urllib.parse import urlsplit

import requests
import socketio
from socketio.exceptions import DisconnectedError
from socketio.exceptions import TimeoutError as NoAnswer

from workshop.contract.diagnosis import LOG_SAYS, cause, diagnose, last_error
from workshop.contract.promise import Broken
from workshop.stages import Stage

ANSWER_TIMEOUT = 3.0  # seconds; on one machine an answer takes milliseconds


def ask(chat: Stage, client: socketio.SimpleClient, event: str, data: object) -> object:
    """Emit an event and return its acknowledgement. Raises Broken when none comes."""
    try:
        return client.call(event, data, timeout=ANSWER_TIMEOUT)
    except DisconnectedError:
        raise Broken(
            expected=f"The connection stays open, and `{event}` is acknowledged.",
            seen="the server has closed it",
            hint="Something closes sockets of somebody who did nothing: a log-out, or a new log-in, "
            "closes those of one log-in only, by its token or its number.",
        ) from None
    except NoAnswer:
        raise Broken(
            expected=f"The event `{event}` is acknowledged.",
            seen=f"no acknowledgement within {ANSWER_TIMEOUT:.0f} s" + _from_log(chat),
            hint=cause(
                chat.log,
                f'No handler took it. Is `@socketio.on("{event}")` there, spelt exactly so?',
            ),
        ) from None


def answered(chat: Stage, answer: requests.Response) -> requests.Response:
    """Return an answer. An error of the application raises Broken with its cause."""
    if answer.status_code != 500:
        return answer
    method, path = answer.request.method, urlsplit(answer.url).path
    chat.await_log(f'"{method} {path}', '" 500 ')
    raise Broken(
        sentence="Nothing that is asked for ends in an error of the server.",
        expected=f"{method} {path} is answered.",
        seen=f"status 500{LOG_SAYS}{last_error(chat.log)}",
        hint=diagnose(chat.log),
    )


def _from_log(chat: Stage) -> str:
    return f"{LOG_SAYS}{last_error(chat.log)}" if "Traceback" in chat.log else ""
