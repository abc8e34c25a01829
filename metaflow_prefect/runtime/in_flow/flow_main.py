"""Import a flow as `__main__`, as `python flow.py` does, and pause where its command line would begin.

It imports nothing of this package: it is loaded by path, where the package may not be importable.
"""

from __future__ import annotations

import builtins
import importlib.util
import os
import sys
import types
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from typing import Any

_FLOWSPEC = "metaflow.flowspec"


def run(flow_file: str, words: Sequence[str], at_command_line: Callable[[], None]) -> None:
    """Execute *flow_file* as Python executes a script.

    `at_command_line` is called when the flow's class is instantiated, before Metaflow reads the
    command line; it may still change `sys.argv`, which is *flow_file* and *words* until then.
    What the script raises is passed on, usually SystemExit.
    """
    path = os.path.abspath(flow_file)  # noqa: PTH100  as Python does for the `__file__` of a script
    _take_the_place_of_main(path)
    sys.argv = [flow_file, *words]
    _intercept(at_command_line)
    with open(path, "rb") as file:  # noqa: PTH123  no pathlib before the flow asks for it
        # Without dont_inherit the flow would get this module's `annotations` import.
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, sys.modules["__main__"].__dict__)  # noqa: S102  this is how Python runs a script


def _take_the_place_of_main(path: str) -> None:
    # Before Metaflow is imported: it pins a class on `__main__` (metaflow.tuple_util).
    main = types.ModuleType("__main__")
    main.__dict__.update(
        __file__=path,
        __cached__=None,
        __annotations__={},
        __builtins__=builtins,
        __loader__=SourceFileLoader("__main__", path),
    )
    sys.modules["__main__"] = main
    if not getattr(sys.flags, "safe_path", False):
        # Our own folder must not shadow anything that the flow imports.
        sys.path[0] = os.path.dirname(os.path.realpath(path))  # noqa: PTH120  as Python itself does


def _intercept(at_command_line: Callable[[], None]) -> None:
    """Have FlowSpec call *at_command_line*, without importing Metaflow before the flow does.

    A flow may set Metaflow's variables before it imports Metaflow, whose configuration is read at import.
    """
    if _FLOWSPEC in sys.modules:
        _patch(sys.modules[_FLOWSPEC], at_command_line)
    else:
        sys.meta_path.insert(0, _PatchOnImport(at_command_line))


class _PatchOnImport:
    """A finder that steps aside after it has seen FlowSpec's module."""

    def __init__(self, at_command_line: Callable[[], None]) -> None:
        self._at_command_line = at_command_line

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name != _FLOWSPEC:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: types.ModuleType) -> None:
                execute(module)
                _patch(module, self._at_command_line)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # of this loader only
        return spec


def _patch(flowspec: Any, at_command_line: Callable[[], None]) -> None:
    flow_class = flowspec.FlowSpec
    original = flow_class.__init__

    def initialize(self: Any, use_cli: bool = True) -> None:  # noqa: FBT001, FBT002  Metaflow's signature
        if use_cli:
            flow_class.__init__ = original
            # Metaflow builds its command line from the flow's class when it is imported.
            with flowspec.parameters.flow_context(type(self)):
                at_command_line()
        original(self, use_cli)

    flow_class.__init__ = initialize
