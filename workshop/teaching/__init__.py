"""Tools for instructors: class mode, which opens a stage to the local network, and kits."""
