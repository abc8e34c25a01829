"""Runs `prefect-headless` as `python -m metaflow_prefect.headless`."""

from __future__ import annotations

from metaflow_prefect.headless.cli import main

if __name__ == "__main__":
    main()
