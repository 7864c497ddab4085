"""Socket.IO: receive events from clients, and send changes to clients."""
