"""What a step needs as the request for its job and for a run of it: pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from prefect_northflank.api.plans import Plan, published
from prefect_northflank.api.responses import Project
from prefect_northflank.errors import ConfigurationError, Refusals
from prefect_northflank.job.definition import JobRequest, Subject, request_for
from prefect_northflank.job.settings import JobSettings
from pydantic import ValidationError

from metaflow_northflank.broker.run_identity import RunIdentity

LEAST_MEMORY = 512
"""MB of a container whose step asks for less: so much takes Metaflow itself, with the processes that write the log."""

GRACE_SECONDS = 15
"""Between SIGTERM and SIGKILL, the least that Northflank has: a run that has ended leaves nothing for longer."""

_OTHER_SOURCES = ("deployment_internal_id", "deployment_vcs_project_url")
_IMAGES = ("image", "deployment_external_image_path")
_NOT_FOR_A_RUN = ("command", "name", "labels", "cleanup_job", "project_id")
_WHOLE_NUMBERS = ("memory", "gpu", "disk", "shared_memory")
_NO_FLOW_RUN = UUID(int=0)


@dataclass(frozen=True, kw_only=True)
class StepJob:
    """The containers of one step."""

    step: str
    settings: JobSettings
    plan: Plan
    environment: Mapping[str, str]
    max_containers: int | None

    @property
    def line(self) -> str:
        """The plan in words."""
        plan = self.plan
        price = "" if plan.dollars_per_hour is None else f"${plan.dollars_per_hour:g} an hour"
        words = ", ".join(filter(None, (plan.size, price)))
        return f"plan {plan.id}{f' ({words})' if words else ''}"


@dataclass(kw_only=True)
class StepJobs:
    """The jobs of a run. Steps that differ only in what a job's run may override share one."""

    identity: RunIdentity
    project: Project
    steps: Mapping[str, StepJob]
    tags: dict[str, Sequence[str]] = field(default_factory=dict)
    """The tags that admit a step's job to the secret groups it names."""
    bodies: dict[str, JobRequest] = field(default_factory=dict)

    def request(self, step: str, command: str, variables: Mapping[str, str]) -> JobRequest:
        """Return the request for one container of *step*."""
        job = self.steps[step]
        subject = Subject(
            flow_run_id=_NO_FLOW_RUN,
            name=self.identity.flow,
            command=command,
            env={**job.environment, **variables},
            labels={
                "metaflow/flow": self.identity.flow,
                "metaflow/run-id": self.identity.run_id,
                "metaflow/user": self.identity.user,
            },
            submission_id="0000",
            lasting_name=self.identity.flow,
            lasting_pool=self.identity.pool,
            lasting_served=self.identity.served,
            tags=self.tags.get(step, ()),
        )
        request = request_for(subject, job.settings)
        # The job is put once: what differs between its runs, each run says itself.
        first = self.bodies.setdefault(request.name, request)
        return replace(request, body=first.body)


def step_job(
    step: str, needs: Mapping[str, Any], identity: RunIdentity, plans: Sequence[Plan]
) -> StepJob:
    """Return the containers of one step.

    Raises:
        ConfigurationError: what it needs cannot be had.
    """
    variables = _job_variables(step, needs["job_variables"])
    environment = variables.pop("env", {})
    settings = _settings(step, {**_defaults(needs, variables, identity), **variables})
    limit = needs["max_containers"]
    if limit is not None and not _is_count(limit):
        raise ConfigurationError(
            what=f"@northflank(max_containers={limit!r}) of step {step}",
            why="it is not a whole number above 0",
            remedy="write one, or leave max_containers out",
        )
    settings.take_plan(plans)
    return StepJob(
        step=step,
        settings=settings,
        plan=next(
            (it for it in plans if it.id == settings.billing_deployment_plan),
            published(settings.billing_deployment_plan),
        ),
        environment={str(name): str(value) for name, value in environment.items()},
        max_containers=None if limit is None else int(limit),
    )


def _defaults(
    needs: Mapping[str, Any], variables: Mapping[str, Any], identity: RunIdentity
) -> dict[str, Any]:
    chosen: dict[str, Any] = {
        name: _amount(name, value) for name, value in needs["amounts"].items()
    }
    if isinstance(chosen.get("memory"), int) and 0 < chosen["memory"] < LEAST_MEMORY:
        chosen["memory"] = LEAST_MEMORY
    chosen |= {
        "cleanup_job": False,
        "description": identity.description,
        "settings_active_deadline_seconds": needs["deadline"],
        "deployment_grace_period_seconds": GRACE_SECONDS,
        "gpu_type": needs["gpu_type"],
    }
    if needs["plan"]:
        chosen["billing_deployment_plan"] = needs["plan"]
    if not any(variables.get(name) for name in (*_OTHER_SOURCES, *_IMAGES)):
        chosen["deployment_external_image_path"] = needs["image"]
    return chosen


def _amount(name: str, value: Any) -> Any:
    """Return a request as the job variable takes it: whole MB, whole GPUs; anything but a number stays as it is."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value
    return math.ceil(number) if name in _WHOLE_NUMBERS and math.isfinite(number) else number


def _job_variables(step: str, given: Any) -> dict[str, Any]:
    """Return the step's job variables; after `--with` they are JSON text."""
    where = f"@northflank(job_variables=…) of step {step}"
    try:
        read = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise ConfigurationError(
            what=where, why="it is not a dictionary", remedy="write a dictionary of job variables"
        )
    refusals = Refusals()
    for name in read:
        with refusals.gathering():
            if name in _NOT_FOR_A_RUN:
                raise ConfigurationError(
                    what=f"{where}: {name}",
                    why="`run` sets it itself",
                    remedy="leave it out, or deploy the flow",
                )
            if name != "env" and name not in JobSettings.model_fields:
                raise ConfigurationError(
                    what=f"{where}: {name}",
                    why="there is no such job variable",
                    remedy="correct its name",
                )
    refusals.raise_all()
    return dict(read)


def _settings(step: str, variables: Mapping[str, Any]) -> JobSettings:
    try:
        return JobSettings(**variables)
    except ValidationError as error:
        refusals = Refusals()
        for problem in _problems(step, error):
            with refusals.gathering():
                raise problem from None
        refusals.raise_all()
        raise


def _problems(step: str, error: ValidationError) -> Iterator[ConfigurationError]:
    for found in error.errors():
        name = ".".join(map(str, found["loc"]))
        yield ConfigurationError(
            what=f"{name}={found['input']!r} of step {step}",
            why=found["msg"][:1].lower() + found["msg"][1:],
            remedy=f"correct {name} in @northflank or @resources",
        )


def _is_count(value: Any) -> bool:
    try:
        return float(value) >= 1 and float(value).is_integer()
    except (TypeError, ValueError):
        return False
