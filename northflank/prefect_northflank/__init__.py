"""Prefect worker that runs flow runs as Northflank jobs."""
