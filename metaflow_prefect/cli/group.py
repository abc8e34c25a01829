"""The command groups, and how errors appear; the commands register themselves here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from metaflow._vendor import click

from metaflow_prefect.cli.overview import Overview, Suggesting, as_typed
from metaflow_prefect.errors import MetaflowPrefectError, SettingRefused
from metaflow_prefect.runtime.local import typed_command

_Command = TypeVar("_Command", bound=Callable[..., None])


@click.group()  # type: ignore[untyped-decorator]
def cli() -> None:
    """Hold the one command group that Metaflow looks for."""


@cli.group(cls=Overview, help="Compile the flow to Prefect, run it, deploy it.")  # type: ignore[untyped-decorator]
@click.pass_context  # type: ignore[untyped-decorator]
def prefect(context: Any) -> None:
    """Check the flow as `run` does before anything else."""
    typed_command.begin_with(as_typed(context))
    obj = context.obj
    obj.check(obj.graph, obj.flow, obj.environment, pylint=obj.pylint)


@prefect.group(cls=Suggesting, help="Put the deployment's schedules to sleep, or wake them.")  # type: ignore[untyped-decorator]
def schedule() -> None:
    """Hold `pause` and `resume`."""


@prefect.group(cls=Suggesting, help="Look at the server of runs on this machine, or stop it.")  # type: ignore[untyped-decorator]
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


class Refused(click.ClickException):  # type: ignore[misc]  # Metaflow's click has no types
    """An error of ours as Metaflow's own appear: headline, message, exit code 1.

    Not as a MetaflowException: Metaflow's echo takes asterisks, as in a cron line, for emphasis.
    """

    def __init__(self, error: MetaflowPrefectError) -> None:
        super().__init__(str(error))
        self.headline = error.headline

    def show(self, file: Any = None) -> None:
        """Print it where Metaflow prints errors."""
        click.secho(f"    {self.headline}:", bold=True, err=True, file=file)
        lines = "".join(f"    {line}".rstrip() + "\n" for line in self.message.splitlines())
        click.echo(lines, err=True, file=file)


def says_what_is_wrong(command: _Command) -> _Command:
    """Let our errors appear as Metaflow's do."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except MetaflowPrefectError as error:
            raise Refused(error) from error
        except ValueError as error:
            refused = _refused_by_prefect(error)
            if refused is None:
                raise
            raise Refused(refused) from error

    return wrapped  # type: ignore[return-value]  # functools.wraps keeps the signature


def _refused_by_prefect(error: ValueError) -> SettingRefused | None:
    """Return in our words that Prefect can't read its own settings, which it does when it is imported; no value is shown."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError) or not error.title.endswith("Settings"):
        return None
    found = error.errors(include_url=False, include_input=False, include_context=False)
    listed = "; ".join(
        f"{'.'.join(map(str, item['loc'])) or 'all'}: {item['msg']}" for item in found
    )
    return SettingRefused(
        f"Prefect refuses its own settings ({error.title}): {listed}.",
        fix="correct the PREFECT_… variable of that name, in the environment, in .env or in Prefect's profile",
    )
