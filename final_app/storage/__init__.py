"""The database, uploaded files and backups."""
