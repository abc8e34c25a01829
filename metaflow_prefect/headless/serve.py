"""The former name of `services.serve`: a stack that the previous version started restarts its server by it."""

from __future__ import annotations

import runpy

import metaflow_prefect.headless.services.serve  # noqa: F401  uvicorn's processes import this module to be guarded

if __name__ == "__main__":
    runpy.run_module("prefect", run_name="__main__")
