"""The domain: messages, rooms and members. It does not depend on requests or sockets."""
