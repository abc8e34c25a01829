"""Read the values of @environment from the flow itself, in a process of its own.

The values stay in the user's file: neither the generated file nor the deployment holds them.
A process of its own, because importing a flow may start threads, change the environment or fail.

Run as `python environment.py FLOW_FILE OPTION…`; prints one JSON object `{step: {name: value}}`.
It must stand alone: it is started by path, where this package may not be importable.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from typing import Any

COMMAND = "environment-variables"
_MARK = "metaflow-prefect-environment:"
_FLOW_MAIN = ("fork_server", "flow_main.py")


def _read(flow_file: str, options: list[str]) -> None:
    """Import the flow as `__main__`, let Metaflow process *options*, and print the variables."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), *_FLOW_MAIN)  # noqa: PTH100, PTH118, PTH120  no pathlib before the flow asks for it
    spec = importlib.util.spec_from_file_location("_metaflow_prefect_flow_main", path)
    assert spec is not None  # noqa: S101  a .py file always has a loader
    assert spec.loader is not None  # noqa: S101
    flow_main = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(flow_main)
    flow_main.run(flow_file, [*options, COMMAND], add_command)


def add_command() -> None:
    """Add to Metaflow's command line the command that prints the variables."""
    # Metaflow builds its command line from the flow's class: import it only when that exists.
    from metaflow import cli
    from metaflow._vendor import click

    @click.command(name=COMMAND, hidden=True)  # type: ignore[untyped-decorator]
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


def parse(output: str) -> dict[str, dict[str, str]]:
    """Return the variables that were printed among whatever else the flow prints when imported.

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
    _read(sys.argv[1], sys.argv[2:])
