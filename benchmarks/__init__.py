"""Measurements, each with its command and its figures in README.md."""
