"""A generated file as a Python module: loaded by its path, and found again from the Prefect flow in it.

Every generated file names what it holds in the same way: `PROGRAM` and `STEPS`.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from metaflow_prefect.runtime.flow.program import Program


def load(path: Path) -> ModuleType:
    """Import the generated file at *path*, under a name that no flow uses."""
    name = f"metaflow_prefect_generated_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # noqa: S101  a .py file always has a loader
    assert spec.loader is not None  # noqa: S101  as above
    module = importlib.util.module_from_spec(spec)
    # Prefect resolves annotations through the module of the flow function.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def program_of(flow: Any) -> Program:
    """Return the program of the generated file that defines *flow*, a Prefect flow."""
    program: Program = sys.modules[flow.fn.__module__].PROGRAM
    return program
