"""The `prefect` command group of Metaflow's command line: thin, it parses, delegates and words errors."""

from __future__ import annotations

from metaflow_prefect.cli import compiling, deployments, running, server
from metaflow_prefect.cli.group import cli

__all__ = ["cli", "compiling", "deployments", "running", "server"]
