"""Start a flow's command line with additions of this package, for which Metaflow has no option.

Run as `python flow_command.py PART,… FLOW_FILE WORD…`. That does what `python FLOW_FILE WORD…` does, and calls
`at_command_line` of each PART, a module of this folder, when the flow's class exists and before Metaflow reads the words.
It imports nothing of this package, nor do the parts: it is started by path, where the package may not be importable.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from enum import Enum
from typing import Any


class Part(str, Enum):
    """The additions, by the names of their modules."""

    ENVIRONMENT = "print_environment"
    INTERPRETERS = "make_interpreters"
    LOCKED_PACKAGES = "locked_packages"
    TRIGGER = "current_trigger"
    NEW_VALUES = "new_parameter_values"


def with_parts(parts: Sequence[Part], words: Sequence[str]) -> list[str]:
    """Return the command *words* (interpreter, flow's file, words of its command line) with *parts* in it."""
    if not parts:
        return list(words)
    python, *rest = words
    return [python, __file__, ",".join(part.value for part in parts), *rest]


def _load(name: str) -> Any:
    """Load a module of this folder under a name that no flow uses."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  no pathlib before the flow asks for it
    file = os.path.join(here, name + ".py")  # noqa: PTH118  as above
    spec = importlib.util.spec_from_file_location(f"_metaflow_prefect_{name}", file)
    assert spec is not None  # noqa: S101  a .py file always has a loader
    assert spec.loader is not None  # noqa: S101  as above
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    _parts, _flow_file, *_words = sys.argv[1:]
    _modules = [_load(Part(_part).value) for _part in _parts.split(",")]
    _load("flow_main").run(
        _flow_file, _words, lambda: [_module.at_command_line() for _module in _modules]
    )
