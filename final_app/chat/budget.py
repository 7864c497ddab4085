"""A limit on the size of a response. If there is more data, the client asks for the rest."""

import json

ANSWER_BYTES = 256_000  # of JSON, in the form in which it is sent
ENVELOPE_BYTES = 1_000  # of JSON around the items of a response


class Budget:
    """Counts the bytes of a response. The first item always fits, so every response makes progress."""

    def __init__(self, most: int = ANSWER_BYTES - ENVELOPE_BYTES) -> None:
        self.most = most
        self.used = 0
        self.is_full = False

    def takes(self, item: object) -> bool:
        """Return whether an item still fits into the response. If it does, count its bytes."""
        text = json.dumps(item, ensure_ascii=False, separators=(",", ":")) + ","
        size = len(text.encode())
        self.is_full = self.used > 0 and self.used + size > self.most
        self.used += 0 if self.is_full else size
        return not self.is_full
