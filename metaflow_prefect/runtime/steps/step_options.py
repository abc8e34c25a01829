"""The options of commands that run a flow here and say how its steps are executed.

Each option is an environment variable by another name: what was typed wins over the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from metaflow_prefect.errors import SettingRefused
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.steps.step_settings import (
    DEFAULT_EXECUTOR,
    ExecutorKind,
    retry_delay_limit,
)

RETRY_DELAY = "--retry-delay"

_TYPED = "metaflow_prefect.step_options"
"""Under this key click's context has what was typed, by the variables' names."""


def declarations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the options as click wants them: the name and the keywords of each.

    Their values are not among the command's arguments, where a parameter of the flow may have the same name.
    """
    # The same click that Metaflow uses.
    from metaflow._vendor import click

    yield (
        "--step-executor",
        {
            "type": click.Choice([kind.value for kind in ExecutorKind]),
            "expose_value": False,
            "callback": _note(variables.STEP_EXECUTOR),
            "help": "How to execute steps: fork them from a process that has imported the flow, start a fresh interpreter "
            f"for each, or (auto) fork only where that is safe. {variables.STEP_EXECUTOR} also sets it. "
            f"[default: {DEFAULT_EXECUTOR.value}]",
        },
    )
    yield (
        "--namespace",
        {
            "expose_value": False,
            "callback": _note(variables.NAMESPACE),
            "help": "The namespace that Metaflow's client uses inside the steps, instead of the user's. If empty, the "
            "client sees all runs.",
        },
    )
    yield (
        RETRY_DELAY,
        {
            "type": float,
            "metavar": "SECONDS",
            "expose_value": False,
            "callback": _note_retry_delay,
            "help": "The longest time to wait before a step is retried. By default, @retry waits for two minutes; "
            f"Metaflow's own `run` does not wait. {variables.RETRY_DELAY} also sets it.",
        },
    )


def typed_options() -> Mapping[str, str]:
    """Return the options that the current command was given, by the names of their variables."""
    from metaflow._vendor import click

    found: Mapping[str, str] = click.get_current_context().meta.get(_TYPED, {})
    return found


def _note(variable: str) -> Callable[[Any, Any, str | None], None]:
    def note(context: Any, _option: object, value: str | None) -> None:
        if value is not None:
            context.meta.setdefault(_TYPED, {})[variable] = value

    return note


def _note_retry_delay(context: Any, option: Any, value: float | None) -> None:
    from metaflow._vendor import click

    if value is None:
        return
    typed_value = {variables.RETRY_DELAY: str(value)}
    try:
        retry_delay_limit(typed_value)
    except SettingRefused as refused:
        raise click.BadParameter(refused.problem, param=option) from None
    context.meta.setdefault(_TYPED, {}).update(typed_value)
