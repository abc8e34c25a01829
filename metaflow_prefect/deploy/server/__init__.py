"""A deployment on the Prefect server: written, read back, removed."""
