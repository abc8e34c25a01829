"""The command line of a generated file: the flow's own parameters, with Metaflow's own types and words."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from metaflow_prefect.names import option_key
from metaflow_prefect.runtime.flow.generated_file import program_of
from metaflow_prefect.runtime.flow.parameter_values import json_value
from metaflow_prefect.runtime.local.declared_parameters import Json, Parameter
from metaflow_prefect.runtime.local.local_options import LocalOptions
from metaflow_prefect.runtime.local.option_variables import of_metaflows_command
from metaflow_prefect.runtime.local.output_files import check as check_output
from metaflow_prefect.runtime.local.output_files import code_beside
from metaflow_prefect.runtime.local.run import run_locally, with_workers
from metaflow_prefect.runtime.progress.run_result import conclude
from metaflow_prefect.runtime.steps import step_options
from metaflow_prefect.runtime.steps.working_directory import keep_written_files


def command(flow: Any, parameters: tuple[Parameter, ...]) -> Any:
    """Return the command that runs *flow* with *parameters*."""
    # The same click that Metaflow uses gives the same words for the same mistakes.
    from metaflow._vendor import click

    def call(
        max_workers: int | None = None,
        tag: tuple[str, ...] = (),
        run_id_file: str | None = None,
        *,
        is_json: bool = False,
        **values: Any,
    ) -> None:
        # A flow that has changed is refused here, before there is a server and a flow run.
        _ = program_of(flow).flow_file
        if run_id_file is not None:
            check_output(Path(run_id_file), lambda: _own_files(flow))
        keywords = {p.keyword: _carried(p, values[option_key(p.name)]) for p in parameters}
        limited = with_workers(flow, max_workers)
        with keep_written_files(program_of(flow), Path.cwd(), _say):
            result = run_locally(
                limited,
                keywords,
                tags=tag,
                local=LocalOptions(
                    run_id_file=run_id_file, step_options=step_options.typed_options()
                ),
            )
        conclude(result, is_json=is_json)

    options = [_option(parameter) for parameter in parameters]
    taken = {name for option in options for name in option.opts}
    # A parameter of the flow wins over our option of the same name.
    ours = [option for option in _own_options() if not taken.intersection(option.opts)]
    defaults = of_metaflows_command("RUN", ours, options, os.environ)
    return click.Command(
        name=flow.name, callback=call, params=[*options, *ours], help=_summary(flow),
        context_settings={"default_map": defaults},
    )  # fmt: skip


def _carried(parameter: Parameter, value: object) -> object:
    return json_value(value) if parameter.type is Json else value


def _own_files(flow: Any) -> Iterable[Path]:
    """Return the generated file and the code beside its flow."""
    return (Path(sys.argv[0]), *code_beside(program_of(flow).flow_file))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _own_options() -> list[Any]:
    from metaflow._vendor import click

    return [
        click.Option(
            ("--max-workers",),
            type=click.IntRange(min=1),
            help="How many tasks may run at the same time.",
        ),
        click.Option(("--tag",), multiple=True, help="Annotate this run with the given tag."),
        click.Option(("--run-id-file",), help="Write the ID of this run to the file specified."),
        click.Option(
            ("--json", "is_json"),
            is_flag=True,
            help="Print one JSON document on standard output.",
        ),
        *(click.Option((name,), **keywords) for name, keywords in step_options.declarations()),
    ]


def _typed_default(parameter: Parameter) -> object:
    """Return the default as the user would type it, for `--help`."""
    is_text = parameter.default is None or isinstance(parameter.default, str)
    return (
        parameter.default
        if parameter.type is not Json or is_text
        else json.dumps(parameter.default)
    )


def _summary(flow: Any) -> str:
    return str(flow.description or flow.name).partition("\n\nArgs:")[0]


def _option(parameter: Parameter) -> Any:
    from metaflow._vendor import click
    from metaflow.parameters import JSONType

    kind: object = parameter.type
    if parameter.choices:
        kind = click.Choice(parameter.choices)
    elif parameter.type is Json:
        kind = JSONType
    return click.Option(
        (f"--{parameter.name}",),
        type=kind,
        default=_typed_default(parameter),
        required=parameter.required,
        help=parameter.help or None,
        show_default=parameter.default is not None,
    )
