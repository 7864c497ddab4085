"""Limits, deadlines and strict parsing, which Socket.IO's own server lacks. See docs/wire.md."""
