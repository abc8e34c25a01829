"""Modules that run inside the flow's own processes: each imports the standard library and Metaflow only."""
