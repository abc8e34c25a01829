"""The database of the server: found, created, migrated."""
