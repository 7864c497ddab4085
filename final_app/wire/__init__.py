"""What Socket.IO's own server lacks: bounds, deadlines and strict packets. See docs/wire.md."""
