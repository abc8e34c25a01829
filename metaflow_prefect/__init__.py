"""Compile Metaflow flows to Prefect flows, run them and deploy them."""

from metaflow_prefect.version import VERSION as __version__

__all__ = ["__version__"]
