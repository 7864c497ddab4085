"""What the libraries lack: a limit on frame sizes, atomic writes and a check of host names."""
