"""The command groups, how commands register with them, and how errors appear."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from metaflow._vendor import click

from metaflow_prefect.cli.overview import Overview, Suggesting, as_typed
from metaflow_prefect.errors import MetaflowPrefectError, SettingRefused
from metaflow_prefect.runtime.local import typed_command

_Command = TypeVar("_Command", bound=Callable[..., None])


@click.group()  # type: ignore[untyped-decorator]  # Metaflow's click has no types
def cli() -> None:
    """Contain the command group that Metaflow looks for."""


@cli.group(cls=Overview)  # type: ignore[untyped-decorator]  # Metaflow's click has no types
@click.pass_context  # type: ignore[untyped-decorator]  # Metaflow's click has no types
def prefect(context: Any) -> None:
    """Compile the flow to Prefect, run it, deploy it."""
    typed_command.begin_with(as_typed(context))
    obj = context.obj
    # As Metaflow's `run` does before anything else.
    obj.check(obj.graph, obj.flow, obj.environment, pylint=obj.pylint)


@prefect.group(cls=Suggesting)  # type: ignore[untyped-decorator]  # Metaflow's click has no types
def schedule() -> None:
    """Pause the deployment's schedules, or resume them."""


@prefect.group(cls=Suggesting)  # type: ignore[untyped-decorator]  # Metaflow's click has no types
def server() -> None:
    """Show the local server for runs on this machine, or stop it."""


def command(
    group: Any,
    *options: Callable[[Any], Any],
    name: str | None = None,
    cls: type = click.Command,
    passes: Callable[[Any], Any] = click.pass_obj,
) -> Callable[[Callable[..., None]], Any]:
    """Register a function as a command of *group* with *options*, in their order in its help.

    The function's docstring is its help; the first paragraph describes it in the list of commands. *passes* gives
    it Metaflow's command line. Errors look like Metaflow's.
    """

    def register(function: Callable[..., None]) -> Any:
        text = inspect.cleandoc(function.__doc__ or "")
        short = " ".join(text.partition("\n\n")[0].split())
        wrapped: Any = passes(reports_errors(function))
        for option in reversed(options):
            wrapped = option(wrapped)
        return group.command(name, cls=cls, help=text, short_help=short)(wrapped)

    return register


class Refused(click.ClickException):  # type: ignore[misc]  # Metaflow's click has no types
    """An error that looks like Metaflow's own: headline, message, exit code 1.

    It is not a MetaflowException, because Metaflow's echo takes asterisks, as in a cron line, for emphasis.
    """

    def __init__(self, error: MetaflowPrefectError) -> None:
        super().__init__(str(error))
        self.headline = error.headline

    def show(self, file: Any = None) -> None:
        """Print it where Metaflow prints errors."""
        click.secho(f"    {self.headline}:", bold=True, err=True, file=file)
        lines = "".join(f"    {line}".rstrip() + "\n" for line in self.message.splitlines())
        click.echo(lines, err=True, file=file)


def reports_errors(command: _Command) -> _Command:
    """Show errors of this package as Metaflow shows its own."""

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
    """Return a refusal if Prefect could not read its own settings, which it does when it is imported; no value is shown."""
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
