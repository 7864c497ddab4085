"""Encode Socket.IO packets fast, and read and write only JSON that browsers accept."""

import json
import math
from typing import Any

from socketio import packet as kinds
from socketio.packet import Packet

MOST_DIGITS = 100  # of a number
WITH_BYTES = {kinds.EVENT: kinds.BINARY_EVENT, kinds.ACK: kinds.BINARY_ACK}


class LazyPacket(Packet):  # type: ignore[misc]
    """A packet that looks for binary data only if its data cannot be encoded as JSON.

    The library's own class checks every value of every packet.
    """

    @classmethod
    def data_is_binary(cls, data: Any) -> bool:
        return False  # `encode` corrects this if necessary

    def encode(self) -> str | list[str | bytes]:
        try:
            return super().encode()  # type: ignore[no-any-return]
        except TypeError:
            if not Packet.data_is_binary(self.data):
                raise
        self.packet_type: int = WITH_BYTES[self.packet_type]
        return super().encode()  # type: ignore[no-any-return]


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


def _short(text: str) -> int:
    if len(text) > MOST_DIGITS:  # converting a long number takes much time
        raise ValueError(text[:MOST_DIGITS])
    return int(text)


class StrictJson:
    """Reads and writes only JSON that browsers accept. Python would also accept NaN and Infinity."""

    _encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
    _decoder = json.JSONDecoder(parse_constant=_finite, parse_float=_finite, parse_int=_short)

    @classmethod
    def dumps(cls, data: object, **_: Any) -> str:
        """Return the data as JSON. Characters outside ASCII are not escaped.

        In most scripts, escapes would make a text two or three times as long. Only an unpaired surrogate
        is escaped, because UTF-8 cannot express it.
        """
        text = cls._encoder.encode(data)
        return text if text.isascii() else text.encode(errors="backslashreplace").decode()

    @classmethod
    def loads(cls, text: str) -> Any:
        """Return the data that a JSON text contains. Raises ValueError if it is not valid."""
        return cls._decoder.decode(text)
