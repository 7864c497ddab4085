"""Socket.IO: events come in, and what has changed goes out."""
