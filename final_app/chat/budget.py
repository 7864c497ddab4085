"""The size of answers has a limit. If there is more, the client asks for the rest."""

import json

ANSWER_BYTES = 256_000  # of JSON, as it goes out
ENVELOPE_BYTES = 1_000  # around the items of an answer


class Budget:
    """Counts the bytes of an answer. The first item always fits, so every answer makes progress."""

    def __init__(self, most: int = ANSWER_BYTES - ENVELOPE_BYTES) -> None:
        self.most = most
        self.used = 0
        self.is_full = False

    def takes(self, item: object) -> bool:
        """Count an item of the answer, and return whether it still fits."""
        text = json.dumps(item, ensure_ascii=False, separators=(",", ":")) + ","
        size = len(text.encode())
        self.is_full = self.used > 0 and self.used + size > self.most
        self.used += 0 if self.is_full else size
        return not self.is_full
