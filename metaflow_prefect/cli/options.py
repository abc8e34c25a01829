"""Options that several commands share, each declared once, and what is shown instead of text with --json."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from metaflow._vendor import click

from metaflow_prefect.analysis.code import own_paths
from metaflow_prefect.cli.group import says_what_is_wrong
from metaflow_prefect.compiler import CompileOptions
from metaflow_prefect.runtime.output import check as check_output


class WithParameters(click.Command):  # type: ignore[misc]  # Metaflow's click has no types
    """A command with the flow's parameters among its options: where one has the name of ours, it wins.

    What a flow's parameters are called is not ours to decide, and the flow runs without our option.
    """

    def make_parser(self, ctx: Any) -> Any:
        """Add the flow's parameters last: click takes the last of the options that have the same name."""
        parser = super().make_parser(ctx)
        for parameter in reversed(self.get_params(ctx)):
            if parameter.param_type_name == "option":
                parameter.add_to_parser(parser, ctx)
        return parser


def positive(_context: Any, parameter: Any, value: int | None) -> int | None:
    """Refuse numbers below 1; not `click.IntRange`, which Metaflow's Deployer and Runner don't know."""
    if value is not None and value < 1:
        raise click.BadParameter(f"{value} is less than 1.", param=parameter)
    return value


NAME = click.option(
    "--name",
    help="The deployment's name. Under @project it is project.branch.Flow, with this name appended.",
)

AUTHORIZE = click.option(
    "--authorize",
    help="The production token, where the deployment is somebody else's. It is remembered after a deployment.",
)

JSON = click.option(
    "--json", "is_json", is_flag=True, help="Print one JSON document on standard output."
)

RUN_ID = click.argument("run-id")


def output_file(context: Any, _parameter: Any, value: str | None) -> str | None:
    """Refuse a file that belongs to the flow, before anything is done."""
    # Metaflow's click (7) counts a callback's arguments: it must not see the decorator's.
    _check_output(context.obj, value)
    return value


@says_what_is_wrong
def _check_output(obj: Any, value: str | None) -> None:
    if value is not None:
        check_output(Path(value), lambda: own_paths(obj))


RUN_ID_FILE = click.option(
    "--run-id-file", callback=output_file, help="Write the ID of this run to the file specified."
)

ATTRIBUTE_FILE = click.option(
    "--deployer-attribute-file",
    hidden=True,
    callback=output_file,
    help="Used by Metaflow's Deployer.",
)


COMPILE_OPTIONS = (
    click.option("--tag", "tags", multiple=True, help="Annotate all runs with the given tag."),
    click.option("--with", "decospecs", multiple=True, help="Add a decorator to all steps."),
    click.option(
        "--max-workers", type=int, callback=positive, default=16, show_default=True,
        help="How many tasks of a run may execute at the same time.",
    ),
    click.option(
        "--workflow-timeout", type=int, callback=positive, default=None,
        help="Seconds after which a run is ended.",
    ),
)  # fmt: skip
"""The options of every command that compiles."""


def parsed(options: dict[str, Any]) -> CompileOptions:
    """Return what `COMPILE_OPTIONS` were given."""
    return CompileOptions(
        tags=tuple(options["tags"]),
        decospecs=tuple(options["decospecs"]),
        max_workers=options["max_workers"],
        workflow_timeout_seconds=options["workflow_timeout"],
    )


def show(data: object, text: str, *, is_json: bool) -> None:
    """Print *text*, or *data* where JSON was asked for.

    Not with Metaflow's echo, which takes asterisks, as in a cron line, for emphasis.
    """
    sys.stdout.write((json.dumps(data, indent=2) if is_json else text) + "\n")
    sys.stdout.flush()
