"""Promises that must hold if something breaks: kills, repetitions, locks, slow readers, clocks."""
