"""Runs `prefect-headless` as `python -m metaflow_prefect.headless`."""

from metaflow_prefect.headless.cli import main

if __name__ == "__main__":
    main()
