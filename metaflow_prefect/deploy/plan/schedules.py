"""The schedules of a deployment: @schedule's and those that `--schedule` adds; pure."""

from __future__ import annotations

from collections.abc import Iterable

from metaflow_prefect import ir
from metaflow_prefect.analysis.decorators import five_fields
from metaflow_prefect.errors import DeploymentRefused, Finding

_ZONE = "CRON_TZ="
"""What cron's own descendants (cronie, Kubernetes) write before a line that has a time zone."""


def parse(text: str) -> ir.Schedule:
    """Read what `--schedule` was given: a cron line in any form that @schedule takes, after its time zone if it has one.

    >>> parse("CRON_TZ=Europe/Berlin 0 18 ? * 2-6 *")
    Schedule(cron='0 18 * * 1-5', timezone='Europe/Berlin')

    Raises:
        DeploymentRefused: it is not a cron line.
    """
    zone, _, line = text.strip().partition(" ")
    is_zoned = zone.startswith(_ZONE)
    try:
        cron = five_fields(line if is_zoned else text)
    except ValueError as error:
        raise DeploymentRefused(
            f"--schedule {text!r}: {error}; nothing was created.",
            fix="write it as minute, hour, day of month, month, day of week: "
            "'0 3 * * *', or 'CRON_TZ=Europe/Berlin 0 3 * * *'",
        ) from error
    return ir.Schedule(cron=cron, timezone=zone.removeprefix(_ZONE) if is_zoned else None)


def schedules(of_flow: ir.Schedule | None, added: Iterable[ir.Schedule]) -> tuple[ir.Schedule, ...]:
    """Return all schedules of a deployment, each once: two equal ones would start every run twice."""
    own = () if of_flow is None else (of_flow,)
    by_words = {in_words(item.cron, item.timezone): item for item in (*own, *added)}
    return tuple(by_words.values())


def without_a_value(
    planned: tuple[ir.Schedule, ...], parameters: Iterable[ir.Parameter]
) -> tuple[Finding, ...]:
    """Return the parameters for which a scheduled run would have no value."""
    if not planned:
        return ()
    return tuple(
        Finding(
            where=f"parameter {parameter.name}",
            feature="a schedule with a required parameter",
            reason="a scheduled run is given no value for it",
            remedy=f"give it a default (in the flow, or with --param-default {parameter.name}=VALUE), "
            "or remove the schedule",
        )
        for parameter in parameters
        if parameter.required
    )


def in_words(cron: str, timezone: str | None) -> str:
    """Return a schedule as people read it; equal schedules have equal words."""
    return f"{cron} ({timezone or 'UTC'})"
