"""Which lasting jobs will not be used again, judging by Prefect's records: pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from prefect.client.schemas.objects import FlowRun

from prefect_northflank.api.responses import Project
from prefect_northflank.records.flow_runs import parse_pid

Place: TypeAlias = "tuple[Project, str]"
"""A job: its project and its id."""


def place_of(flow_run: FlowRun) -> Place | None:
    """Return the job in which *flow_run* is, was, or is about to be executed."""
    pid = parse_pid(flow_run.infrastructure_pid)
    return None if pid is None else (pid.project, pid.job)


def is_superseded(place: Place, flow_runs: Sequence[FlowRun]) -> bool:
    """Return whether another job has replaced a lasting job.

    *flow_runs* are the begun flow runs of the deployment or flow that the job serves, newest first. A job that first
    appears after the last use of this one has replaced it; jobs used alternately (by two workers with different settings)
    have not. Flow runs that set their own job variables say nothing about those without.
    """
    places = [place_of(flow_run) for flow_run in flow_runs]
    last_use = places.index(place) if place in places else len(places)
    used_before = set(places[last_use:])
    return any(
        used is not None and used not in used_before and not flow_run.job_variables
        for used, flow_run in zip(places[:last_use], flow_runs, strict=False)
    )
