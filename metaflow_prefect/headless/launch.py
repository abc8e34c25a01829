"""The former name of `services.exec_service`: a stack that the previous version started restarts its services by it."""

from __future__ import annotations

import runpy

if __name__ == "__main__":
    runpy.run_module("metaflow_prefect.headless.services.exec_service", run_name="__main__")
