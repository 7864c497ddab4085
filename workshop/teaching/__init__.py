"""What an instructor needs: class mode, which opens one stage to the local network."""
