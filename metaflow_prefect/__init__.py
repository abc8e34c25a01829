"""Compile Metaflow flows to Prefect flows, run them and deploy them."""

from metaflow_prefect.version import VERSION

__version__ = VERSION

__all__ = ["__version__"]
