"""What Metaflow's decorators ask for, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from metaflow_prefect.errors import Finding
from metaflow_prefect.ir import Project, Resource, Schedule
from metaflow_prefect.runtime.in_flow import print_environment

_SECONDS_PER_MINUTE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """How often a task may run: the two kinds of retries that Metaflow counts, and the pause between."""

    user_retries: int
    error_retries: int
    retry_delay_seconds: int


def attempts(decorators: Iterable[Any]) -> Attempts:
    """Combine the decorators of one step as Metaflow's runtime does (`metaflow.runtime.Task`)."""
    user, error, delay = 0, 0, 0
    for decorator in decorators:
        wanted_user, wanted_error = decorator.step_task_retry_count()
        if wanted_user is None and wanted_error is None:
            # A decorator that returns (None, None) forbids retries whatever the others say.
            return Attempts(user_retries=0, error_retries=0, retry_delay_seconds=0)
        user = max(user, int(wanted_user or 0))
        error = max(error, int(wanted_error or 0))
        if decorator.name == "retry":
            minutes = float(decorator.attributes["minutes_between_retries"])
            delay = round(minutes * _SECONDS_PER_MINUTE)
    return Attempts(user_retries=user, error_retries=error, retry_delay_seconds=delay)


def timeout_seconds(decorators: Iterable[Any]) -> int | None:
    """Return the limit of @timeout, all its units added up, or None."""
    for decorator in decorators:
        if decorator.name == "timeout":
            return int(decorator.secs)
    return None


def environment_names(decorators: Iterable[Any]) -> tuple[str, ...]:
    """Return the names of @environment's variables; their values stay where they are."""
    return tuple(sorted(print_environment.values(decorators)))


def resources(decorators: Iterable[Any]) -> tuple[Resource, ...]:
    """Return what @resources asks for beyond its defaults."""
    return tuple(
        Resource(name=name, value=str(value))
        for decorator in decorators
        if decorator.name == "resources"
        for name, value in sorted(decorator.attributes.items())
        if value is not None and str(value) != str(decorator.defaults.get(name))
    )


def schedule(
    flow_decorators: Iterable[Any], check: Callable[[Schedule], None]
) -> tuple[Schedule | None, tuple[Finding, ...]]:
    """Return @schedule as a cron line, or what is wrong with it; *check* raises a `ValueError` that says so."""
    for decorator in flow_decorators:
        if decorator.name == "schedule" and decorator.schedule:
            try:
                found = Schedule(cron=five_fields(decorator.schedule), timezone=decorator.timezone)
                check(found)
            except ValueError as error:
                finding = Finding(
                    where="flow",
                    feature=f"@schedule(cron={decorator.schedule!r})",
                    reason=str(error),
                    remedy="write it as minute, hour, day of month, month, day of week, each in its range, "
                    "and the time zone as in Europe/Berlin",
                )
                return None, (finding,)
            return found, ()
    return None, ()


def five_fields(cron: str) -> str:
    """Turn the cron forms that Metaflow accepts into Prefect's five fields.

    Five fields are taken as they are. Six are EventBridge's (a year at the end, days of the week
    counted from 1 = Sunday), seven are Quartz's (seconds first as well); `?` means `*`.
    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html

    >>> five_fields("0 3 * * ? *"), five_fields("0 0 ? * 2-6 *"), five_fields("*/5 * * * *")
    ('0 3 * * *', '0 0 * * 1-5', '*/5 * * * *')

    Raises:
        ValueError: it has another number of fields, or asks for seconds or years.
    """
    fields = cron.split()
    if len(fields) == 7:  # noqa: PLR2004  Quartz
        seconds, *fields = fields
        if seconds != "0":
            message = "Prefect's schedules have no seconds"
            raise ValueError(message)
    if len(fields) == 6:  # noqa: PLR2004  EventBridge
        *fields, year = fields
        if year not in {"*", "?"}:
            message = "Prefect's schedules have no years"
            raise ValueError(message)
        fields[4] = _days_from_zero(fields[4])
    if len(fields) != 5:  # noqa: PLR2004  cron
        message = f"a cron line has five fields (or EventBridge's six, or Quartz's seven), not {len(fields)}"
        raise ValueError(message)
    return " ".join("*" if field == "?" else field for field in fields)


def _days_from_zero(field: str) -> str:
    """Shift EventBridge's numbers of week days (1-7) to cron's (0-6); leave steps (`/2`) alone."""
    days, slash, step = field.partition("/")
    shifted = "".join(str(int(char) - 1) if char in "1234567" else char for char in days)
    return shifted + slash + step


def flow_decorators(flow: Any) -> tuple[Any, ...]:
    """Return the decorators of the flow itself."""
    from metaflow import decorators

    return tuple(decorators.flow_decorators(flow))


def project(flow_decorators: Iterable[Any], current: Any) -> Project | None:
    """Return @project as Metaflow has resolved it into `metaflow.current`."""
    if not any(decorator.name == "project" for decorator in flow_decorators):
        return None
    return Project(
        name=current.project_name,
        branch=current.branch_name,
        flow_name=current.project_flow_name,
        is_production=bool(current.is_production),
    )
