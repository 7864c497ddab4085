"""Snapshots: the short form in which clients receive a message, its files and the quoted message."""

from typing import Any

Snapshot = dict[str, Any]


def short(values: Snapshot) -> Snapshot:
    """Return the values without None, False, empty texts and empty lists.

    A message is sent to every member of its room, and most of its fields are empty. In the browser,
    `static/js/core/snapshot.js::whole` adds the empty fields again.
    """
    return {name: value for name, value in values.items() if value or type(value) is int}
