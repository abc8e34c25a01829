"""Options that several commands share, each declared once, and what is shown instead of text with --json."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from metaflow._vendor import click

from metaflow_prefect.compiler import CompileOptions
from metaflow_prefect.runtime.variables import of_metaflows_command


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


class LikeMetaflows(WithParameters):
    """A command that heeds the variables of Metaflow's command of its name, behind those of its own."""

    def make_context(
        self, info_name: str, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Let them stand before the defaults."""
        ours: Any = getattr(self, "original_params", self.params)
        parameters = [item for item in self.params if item not in ours]
        said = of_metaflows_command(info_name.upper(), ours, parameters, os.environ)
        return super().make_context(info_name, args, parent, default_map=said, **extra)


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

RUN_ID_FILE = click.option("--run-id-file", help="Write the ID of this run to the file specified.")

ATTRIBUTE_FILE = click.option(
    "--deployer-attribute-file", hidden=True, help="Used by Metaflow's Deployer."
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
