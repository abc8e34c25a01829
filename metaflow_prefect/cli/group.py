"""The command groups, and how errors appear; the commands register themselves here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from metaflow._vendor import click
from metaflow.exception import MetaflowException

from metaflow_prefect.cli.overview import Overview
from metaflow_prefect.errors import MetaflowPrefectError

_Command = TypeVar("_Command", bound=Callable[..., None])


@click.group()  # type: ignore[untyped-decorator]
def cli() -> None:
    """Hold the one command group that Metaflow looks for."""


@cli.group(cls=Overview, help="Compile the flow to Prefect, run it, deploy it.")  # type: ignore[untyped-decorator]
@click.pass_obj  # type: ignore[untyped-decorator]
def prefect(obj: Any) -> None:
    """Check the flow as `run` does before anything else."""
    obj.check(obj.graph, obj.flow, obj.environment, pylint=obj.pylint)


@prefect.group(help="Put the deployment's schedules to sleep, or wake them.")  # type: ignore[untyped-decorator]
def schedule() -> None:
    """Hold `pause` and `resume`."""


@prefect.group(help="Look at the server of runs on this machine, or stop it.")  # type: ignore[untyped-decorator]
def server() -> None:
    """Hold `status` and `stop`."""


def command(
    group: Any,
    summary: str,
    *options: Callable[[Any], Any],
    name: str | None = None,
    short: str | None = None,
    cls: type = click.Command,
    passes: Callable[[Any], Any] = click.pass_obj,
) -> Callable[[Callable[..., None]], Any]:
    """Register a function as a command of *group* with *options*, in their order in its help.

    *short* stands for *summary* in the list of the commands. The function is given Metaflow's command line by *passes*; its errors appear as Metaflow's do.
    """

    def register(function: Callable[..., None]) -> Any:
        wrapped: Any = passes(says_what_is_wrong(function))
        for option in reversed(options):
            wrapped = option(wrapped)
        return group.command(name, cls=cls, help=summary, short_help=short)(wrapped)

    return register


def says_what_is_wrong(command: _Command) -> _Command:
    """Let our errors appear as Metaflow's do: headline, message, exit code 1."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except MetaflowPrefectError as error:
            shown = MetaflowException(msg=str(error))
            shown.headline = error.headline
            raise shown from error

    return wrapped  # type: ignore[return-value]  # functools.wraps keeps the signature
