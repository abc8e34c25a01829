"""A Prefect server, its workers and its database, configured by environment variables only."""
