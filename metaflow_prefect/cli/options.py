"""Options that several commands share, each declared once, and what is shown instead of text with --json."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from metaflow._vendor import click

from metaflow_prefect.analysis import CompileRequest
from metaflow_prefect.analysis.code import own_paths
from metaflow_prefect.cli.group import reports_errors
from metaflow_prefect.runtime.flow.parameter_values import json_value
from metaflow_prefect.runtime.local.option_variables import of_metaflows_command
from metaflow_prefect.runtime.local.output_files import check as check_output


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


_GIVEN = "metaflow_prefect.given"
_OF_PARAMETERS = "metaflow_prefect.of_parameters"


class Remembering(WithParameters):
    """Notes which options are given, typed or by a variable; Metaflow's click (7) does not tell them from defaults.

    None is required here: what a parameter is if it is not given, the deployment or the earlier run says.
    """

    params: list[Any]

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Parse twice: once for the names only."""
        hidden = self._without_hidden_options()
        on_line, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        by_variable = {
            option.name
            for option in self.get_params(ctx)
            if option.resolve_envvar_value(ctx) is not None
        }
        ctx.meta[_GIVEN] = frozenset(on_line.keys() | by_variable)
        required = [option for option in self._of_flow if option.required]
        for option in required:
            option.required = False
        try:
            rest = super().parse_args(ctx, args)
        finally:
            for option in required:
                option.required = True
        # What has the name of a parameter is the parameter's; our option has its default.
        ctx.meta[_OF_PARAMETERS] = {option.name: ctx.params[option.name] for option in hidden}
        ctx.params.update({option.name: option.get_default(ctx) for option in hidden})
        return rest

    def _without_hidden_options(self) -> list[Any]:
        """Take out the options of ours that parameters of the flow have the names of, and return them."""
        of_flow = self._of_flow
        names = {option.name for option in of_flow}
        hidden = [
            option for option in self.params if option.name in names and option not in of_flow
        ]
        self.params = [option for option in self.params if option not in hidden]
        return hidden

    @property
    def _of_flow(self) -> list[Any]:
        """The options that Metaflow has added for the flow's parameters, to those that it has kept."""
        own = getattr(self, "original_params", self.params) or []
        return [option for option in self.params if option not in own]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options; Metaflow forgets the space before a default that is evaluated late."""
        for option in self.params:
            said, late, rest = (getattr(option, "help", None) or "").partition(_LATE)
            if said and late:
                option.help = f"{said.rstrip()}  {late}{rest}"
        super().format_options(ctx, formatter)


class Resuming(LikeMetaflows, Remembering):
    """Shows no defaults of the flow's parameters: they keep the values that they had."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options."""
        for option in self._of_flow:
            option.show_default = False
        super().format_options(ctx, formatter)


_LATE = "[default: deploy-time value"


def given(context: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that were given, as steps see them, by click's keys."""
    from metaflow.parameters import DelayedEvaluationParameter

    values = {**values, **context.meta[_OF_PARAMETERS]}
    found = {}
    for key in context.meta[_GIVEN] & values.keys():
        value = values[key]
        if isinstance(value, DelayedEvaluationParameter):
            value = value(return_str=True)
        found[key] = value
    return found


def carried(context: Any, found: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters *found* by `given` in the form that a flow run carries."""
    from metaflow.parameters import JSONType

    json_keys = {option.name for option in context.command.params if option.type is JSONType}
    return {key: json_value(value) if key in json_keys else value for key, value in found.items()}


def positive(_context: Any, parameter: Any, value: int | None) -> int | None:
    """Refuse numbers below 1; not `click.IntRange`, which Metaflow's Deployer and Runner don't know."""
    if value is not None and value < 1:
        raise click.BadParameter(f"{value} is less than 1.", param=parameter)
    return value


NAME = click.option(
    "--name",
    help="The deployment's name. Under @project it is project.branch.Flow, with this name appended.",
)


def named(name: str | None) -> tuple[str, ...]:
    """Return the words by which the same deployment is found again."""
    return () if name is None else ("--name", name)


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


@reports_errors
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


def compile_request(options: dict[str, Any]) -> CompileRequest:
    """Return what `COMPILE_OPTIONS` were given."""
    return CompileRequest(
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
