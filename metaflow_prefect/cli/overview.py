"""The list of commands that `python flow.py prefect` shows, in the order in which users need them."""

from __future__ import annotations

import shlex
import sys
from typing import Any

from metaflow._vendor import click

from metaflow_prefect.cli import former_words
from metaflow_prefect.runtime.local.typed_command import UNKNOWN, beginning, values

SECTIONS = (
    ("Try it on this machine", ("run", "resume", "server", "create")),
    (
        "Deploy it",
        ("deploy", "trigger", "schedule", "list-deployments", "get-token", "delete"),
    ),
    (
        "Watch and control its runs",
        ("list-runs", "status", "logs", "fetch", "suspend", "unsuspend", "terminate"),
    ),
)

_FIRST_STEPS = (
    ("run",),
    ("deploy", "--work-pool", "POOL", "--dry-run"),
    ("deploy", "--work-pool", "POOL"),
    ("trigger", "--wait"),
)
_TAKING_PARAMETERS = ("run", "trigger")


class Suggesting(click.Group):  # type: ignore[misc]  # Metaflow's click has no types
    """A group that suggests the word that a mistyped one may mean."""

    def invoke(self, ctx: Any) -> Any:
        """Suggest the option that is most like an unknown one, or what is typed here instead."""
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            instead = former_words.OPTIONS.get((error.ctx.info_name, error.option_name))
            if instead is not None:
                error.ctx.fail(f"no such option: {error.option_name}: {instead}.")
            if not error.possibilities:
                error.possibilities = _like(error.option_name, _options(error.ctx))
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Suggest the command that is most like an unknown one."""
        if self.get_command(ctx, args[0]) is None:
            former = former_words.COMMANDS.get(args[0])
            for near in [former] if former else _like(args[0], self.list_commands(ctx)):
                ctx.fail(f"No such command {args[0]!r}. Did you mean {near!r}?")
        return super().resolve_command(ctx, args)


class Overview(Suggesting):
    """A group whose help has sections instead of the alphabet."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands in the order of the sections; others come last."""
        known = [name for _, names in SECTIONS for name in names]
        return [*known, *(name for name in super().list_commands(ctx) if name not in known)]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the sections, then the first steps."""
        width = max(map(len, self.list_commands(ctx)))
        for title, names in SECTIONS:
            with formatter.section(title):
                formatter.write_dl([self._line(name, width) for name in names])
        with formatter.section("First steps"):
            for name, *words in _FIRST_STEPS:
                needed = values(_required(ctx)) if name in _TAKING_PARAMETERS else ()
                line = shlex.join((*as_typed(ctx), "prefect", name, *needed, *words))
                formatter.write(f"  {line}\n")

    def _line(self, name: str, width: int) -> tuple[str, str]:
        # Padded, so that the descriptions of all sections are aligned.
        command = self.commands[name]
        return name.ljust(width), str(command.short_help or command.help).rstrip(".")


def as_typed(ctx: Any) -> tuple[str, ...]:
    """Return what was typed before the command group of *ctx*."""
    # Metaflow keeps there the words that its top level has left to its commands.
    rest = getattr(ctx.find_root(), "saved_args", None)
    return UNKNOWN if rest is None else beginning(sys.argv, rest)


def _required(ctx: Any) -> list[str]:
    """Return the flow's required parameters."""
    flow = getattr(ctx.obj, "flow", None)
    if flow is None:
        return []
    parameters = (parameter for _, parameter in flow._get_parameters())  # noqa: SLF001  as Metaflow's own deployers do
    return [
        parameter.name
        for parameter in parameters
        if not parameter.IS_CONFIG_PARAMETER and parameter.kwargs.get("required")
    ]


def _options(ctx: Any) -> list[str]:
    shown = (it for it in ctx.command.get_params(ctx) if not getattr(it, "hidden", False))
    return [name for option in shown for name in (*option.opts, *option.secondary_opts)]


def _like(word: str, known: list[str]) -> list[str]:
    # Loaded only for a mistyped word.
    from difflib import get_close_matches

    return get_close_matches(word, known, n=1)
