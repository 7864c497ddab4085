"""What must hold when things break: kills, repetitions, locks, slow readers, a clock that jumps."""
