"""Read the values of @environment from the flow itself, in a process of its own.

The values stay in the user's file: neither the generated file nor the deployment holds them.
A process of its own, because importing a flow may start threads, change the environment or fail.

Run as `python flow_command.py environment FLOW_FILE OPTION… environment-variables`; prints one JSON object
`{step: {name: value}}`. It must stand alone: it is loaded by path, where this package may not be importable.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

COMMAND = "environment-variables"
_MARK = "metaflow-prefect-environment:"


def at_command_line() -> None:
    """Add to Metaflow's command line the command that prints the variables."""
    # Metaflow builds its command line from the flow's class: import it only when that exists.
    from metaflow import cli
    from metaflow._vendor import click

    @click.command(name=COMMAND, hidden=True)  # type: ignore[untyped-decorator]
    @click.pass_obj  # type: ignore[untyped-decorator]
    def variables(obj: Any) -> None:
        sys.stdout.write(f"\n{_MARK}{json.dumps(values_by_step(obj.graph))}\n")
        sys.stdout.flush()

    cli.cli.add_command(variables)


def values_by_step(graph: Iterable[Any]) -> dict[str, dict[str, str]]:
    """Return the values of @environment for each step of Metaflow's *graph*."""
    return {node.name: values(node.decorators) for node in graph}


def values(decorators: Iterable[Any]) -> dict[str, str]:
    """Return the values of @environment among the *decorators* of one step."""
    return {
        str(name): str(value)
        for decorator in decorators
        if decorator.name == "environment"
        for name, value in decorator.attributes["vars"].items()
    }


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
