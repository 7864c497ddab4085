"""Accounts, passwords, sessions and invites."""
