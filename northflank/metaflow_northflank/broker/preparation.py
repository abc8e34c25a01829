"""Checks, before anything is created, everything that a run needs of Northflank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from prefect_northflank.api.access import Access, access_from
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.plans import PUBLISHED, Plan
from prefect_northflank.api.responses import Project
from prefect_northflank.errors import ConfigurationError, NorthflankError
from prefect_northflank.start.secret_groups import SecretGroups

from metaflow_northflank.broker.run_identity import RunIdentity
from metaflow_northflank.broker.step_jobs import StepJob, StepJobs, step_job
from metaflow_northflank.broker.wording import NO_PROJECT, problems


@dataclass(kw_only=True)
class Preparation:
    """What has been checked: refusals, or all that the run works with."""

    refused: list[str] = field(default_factory=list)
    client: NorthflankClient | None = None
    jobs: StepJobs | None = None

    @property
    def lines(self) -> Sequence[str]:
        """The plans of the steps in words."""
        steps = [] if self.jobs is None else list(self.jobs.steps.values())
        by_line = sorted(steps, key=lambda it: it.line)
        return [
            f"{', '.join(it.step for it in group)}: {line}"
            for line, group in groupby(by_line, key=lambda it: it.line)
        ]


async def prepare(message: Mapping[str, Any], environment: Mapping[str, str]) -> Preparation:
    """Return what the run works with, or everything that is wrong with what it needs."""
    done = Preparation()
    project = message["project"]
    if not project:
        done.refused.append(NO_PROJECT)
    plans: Sequence[Plan] = PUBLISHED
    access = _access(message, environment, done)
    if access is not None:
        done.client = NorthflankClient(access)
        plans = await _plans(done, Project(id=project, team=access.team) if project else None)
    identity = RunIdentity(
        flow=message["flow"], run_id=message["run_id"], user=message["user"], nonce=message["nonce"]
    )
    steps = _steps(message, identity, plans, done)
    if access is not None and project and not done.refused:
        place = Project(id=project, team=access.team)
        done.jobs = StepJobs(identity=identity, project=place, steps=steps)
        await _find_tags(done, done.jobs)
    return done


def _access(
    message: Mapping[str, Any], environment: Mapping[str, str], done: Preparation
) -> Access | None:
    try:
        return access_from(environment, team=message["team"])
    except ConfigurationError as error:
        done.refused += problems(error)
        return None


async def _plans(done: Preparation, project: Project | None) -> Sequence[Plan]:
    """Return Northflank's plans, after a look at the project that shows whether the token opens it."""
    if done.client is None:
        return PUBLISHED
    try:
        if project is not None:
            await done.client.project_name(project)
        return await done.client.plans() or PUBLISHED
    except NorthflankError as error:
        done.refused += problems(error)
        return PUBLISHED


def _steps(
    message: Mapping[str, Any], identity: RunIdentity, plans: Sequence[Plan], done: Preparation
) -> dict[str, StepJob]:
    steps: dict[str, StepJob] = {}
    for step, needs in message["steps"].items():
        try:
            steps[step] = step_job(step, needs, identity, plans)
        except ConfigurationError as error:
            done.refused += [_of_step(step, line) for line in problems(error)]
            continue
        named = needs["plan"]
        if named and plans is not PUBLISHED and named not in {plan.id for plan in plans}:
            known = ", ".join(plan.id for plan in plans)
            done.refused.append(
                _of_step(step, f"Northflank has no plan {named}. Fix: name one of {known}.")
            )
    return steps


async def _find_tags(done: Preparation, jobs: StepJobs) -> None:
    """Find the tags that admit jobs to the secret groups that steps name."""
    if done.client is None:
        return
    groups = SecretGroups(done.client)
    for step, job in jobs.steps.items():
        try:
            jobs.tags[step] = await groups.tags_of(jobs.project, job.settings.secret_groups or ())
        except NorthflankError as error:  # noqa: PERF203  every step is checked
            done.refused += [_of_step(step, line) for line in problems(error)]


def _of_step(step: str, line: str) -> str:
    return line if f"step {step}" in line else f"step {step}: {line}"
