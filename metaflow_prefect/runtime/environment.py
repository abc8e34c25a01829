"""Read the values of @environment from the flow itself, in a process of its own.

The values stay in the user's file: neither the generated file nor the deployment holds them.
A process of its own, because importing a flow may start threads, change the environment or fail.

Run as `python environment.py FLOW_FILE OPTION…`; prints one JSON object `{step: {name: value}}`.
It must stand alone: it is started by path, where this package may not be importable.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

_MARK = "metaflow-prefect-environment:"


def read(flow_file: str, options: list[str]) -> None:
    """Import the flow as `__main__`, let Metaflow process *options*, and print the variables."""
    # First of all: our own folder must not shadow anything that the flow imports.
    sys.path[0] = os.path.dirname(os.path.abspath(flow_file))  # noqa: PTH100, PTH120  as Python itself does
    import types

    from metaflow import FlowSpec, parameters, tuple_util

    main = types.ModuleType("__main__")
    main.__file__ = flow_file
    main.ForeachFrame = tuple_util.ForeachFrame  # type: ignore[attr-defined]  # Metaflow pins it on `__main__`
    sys.modules["__main__"] = main
    sys.argv = [flow_file]
    original = FlowSpec.__init__

    def initialise(self: Any, use_cli: bool = True) -> None:  # noqa: FBT001, FBT002  Metaflow's signature
        original(self, use_cli=False)
        if use_cli:
            FlowSpec.__init__ = original
            with parameters.flow_context(self.__class__):
                _print_variables(self, options)
            raise SystemExit(0)

    FlowSpec.__init__ = initialise
    with open(flow_file, encoding="utf-8") as file:  # noqa: PTH123  no pathlib before the flow is imported
        code = compile(file.read(), flow_file, "exec")
    exec(code, main.__dict__)  # noqa: S102  this is how Python runs a script


def _print_variables(flow: Any, options: list[str]) -> None:
    # Metaflow builds its command line from the flow's class: import it only when that exists.
    from metaflow import cli
    from metaflow._vendor import click

    @click.command(name="environment-variables", hidden=True)  # type: ignore[untyped-decorator]
    @click.pass_obj  # type: ignore[untyped-decorator]
    def variables(obj: Any) -> None:
        found = {
            node.name: {
                str(name): str(value)
                for decorator in node.decorators
                if decorator.name == "environment"
                for name, value in decorator.attributes["vars"].items()
            }
            for node in obj.graph
        }
        sys.stdout.write(f"\n{_MARK}{json.dumps(found)}\n")
        sys.stdout.flush()

    cli.cli.add_command(variables)
    cli.main(flow, args=[*options, "environment-variables"])


def parse(output: str) -> dict[str, dict[str, str]]:
    """Return the variables that `read` printed among whatever else the flow prints when imported.

    Raises:
        ValueError: the output holds no answer.
    """
    for line in reversed(output.splitlines()):
        if line.startswith(_MARK):
            answer: dict[str, dict[str, str]] = json.loads(line.removeprefix(_MARK))
            return answer
    message = "no answer"
    raise ValueError(message)


if __name__ == "__main__":
    read(sys.argv[1], sys.argv[2:])
