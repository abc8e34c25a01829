"""What lets the Pythons that tests start begin sooner: there are a thousand of them."""

from __future__ import annotations

from pathlib import Path

ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).parent / "startup")}
"""For processes that import Prefect or Metaflow, and whose PYTHONPATH is not what is tested."""
