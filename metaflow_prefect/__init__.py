"""Compile Metaflow flows to Prefect flows, run them and deploy them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow_prefect.version import VERSION

if TYPE_CHECKING:
    from metaflow_prefect.runtime.run.events import Event

__version__ = VERSION

__all__ = ["Event", "__version__"]


def __getattr__(name: str) -> object:
    """Load what users import only when they do: Metaflow imports this package with every flow."""
    if name == "Event":
        from metaflow_prefect.runtime.run.events import Event

        return Event
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
