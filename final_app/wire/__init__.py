"""What Socket.IO's own server lacks: limits, deadlines and strict parsing. See docs/wire.md."""
