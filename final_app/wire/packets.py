"""Packets of Socket.IO and their JSON, as browsers accept it, with little CPU time."""

import json
import math
from typing import Any

from socketio import packet as kinds
from socketio.packet import Packet

MOST_DIGITS = 100  # of a number
WITH_BYTES = {kinds.EVENT: kinds.BINARY_EVENT, kinds.ACK: kinds.BINARY_ACK}


class LazyPacket(Packet):  # type: ignore[misc]
    """Looks for bytes only in data that is not JSON.

    The stock class checks each value of each packet.
    """

    @classmethod
    def data_is_binary(cls, data: Any) -> bool:
        return False  # until `encode` knows better

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
    if len(text) > MOST_DIGITS:  # converting it takes long
        raise ValueError(text[:MOST_DIGITS])
    return int(text)


class StrictJson:
    """JSON as browsers accept it. Python would also read and write NaN and Infinity."""

    _encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
    _decoder = json.JSONDecoder(parse_constant=_finite, parse_float=_finite, parse_int=_short)

    @classmethod
    def dumps(cls, data: object, **_: Any) -> str:
        """Write every character as it is, because escapes make most scripts two or three times as long.

        Only half a character (an unpaired surrogate) is escaped: UTF-8 cannot express it.
        """
        text = cls._encoder.encode(data)
        return text if text.isascii() else text.encode(errors="backslashreplace").decode()

    @classmethod
    def loads(cls, text: str) -> Any:
        """Raises ValueError."""
        return cls._decoder.decode(text)
