"""What the worker reads from Prefect about flow runs, and writes there: claims, infrastructure ids."""
