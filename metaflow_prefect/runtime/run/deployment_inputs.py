"""What a run of a deployment gets from its cause: from a schedule, from events, from `resume`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from metaflow_prefect.names import PARAMETERS_TASK_ID
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.flow.graph import Step
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.in_flow import current_trigger
from metaflow_prefect.runtime.run.launch_options import LaunchOptions
from metaflow_prefect.runtime.store import resume_origin
from metaflow_prefect.runtime.store.captured_environment import (
    NOTHING_CAPTURED,
    CapturedEnvironment,
)
from metaflow_prefect.runtime.store.captured_environment import read as read_captured
from metaflow_prefect.runtime.store.datastore import RunDatastore
from metaflow_prefect.runtime.store.resume_origin import ResumeOrigin

if TYPE_CHECKING:
    from metaflow_prefect.runtime.step_containers.slice_parameters import SliceOrder


def completed(
    options: LaunchOptions,
    program: Program,
    steps: Iterable[Step],
    flow_run: Any,
    triggered_by: Iterable[Mapping[str, Any]],
) -> LaunchOptions:
    """Return *options* with what the flow run itself and this process's environment say.

    Raises:
        InitFailed: the run to take tasks from does not exist.
    """
    environment = {**os.environ, **options.step_options}
    found = options.origin or _origin(program, environment)
    return replace(
        options,
        environment=environment,
        origin=found,
        captured=_captured(steps, flow_run.deployment_id),
        variables={**schedule(flow_run), **_trigger(triggered_by), **_new_values(found)},
    )


def of_slice(
    options: LaunchOptions, steps: Iterable[Step], order: SliceOrder, flow_run: Any
) -> LaunchOptions:
    """Return *options* with what the flow run that asks *flow_run* for the tasks of *order* says."""
    return replace(
        options,
        environment={**os.environ, **options.step_options},
        captured=_captured(steps, order.deployment),
        variables=dict(order.variables),
        tags=order.tags,
        part=str(flow_run.id),
    )


def _captured(steps: Iterable[Step], deployment_id: object) -> CapturedEnvironment:
    """Return what @environment took from the deploying environment; asks only where a step has it."""
    if deployment_id is None or not any(step.environment for step in steps):
        return NOTHING_CAPTURED
    return read_captured(deployment_id)


def schedule(flow_run: Any) -> dict[str, str]:
    """Return the moment that a schedule has set; it stays the same if the run begins again later."""
    if not flow_run.auto_scheduled or flow_run.expected_start_time is None:
        return {}
    return {variables.SCHEDULED_TIME: flow_run.expected_start_time.isoformat()}


def _trigger(triggered_by: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    found = list(triggered_by)
    return {variables.TRIGGERED_BY: current_trigger.variable(found)} if found else {}


def _new_values(found: ResumeOrigin | None) -> dict[str, str]:
    has_some = found is not None and found.has_new_values
    return {variables.NEW_VALUES: PARAMETERS_TASK_ID} if has_some else {}


def _origin(program: Program, environment: Mapping[str, str]) -> ResumeOrigin | None:
    run_id = environment.get(variables.ORIGIN_RUN_ID)
    if not run_id:
        return None
    step = environment.get(variables.STEP_TO_RERUN)
    datastore = RunDatastore.of(program, run_id)
    found = resume_origin.read(datastore.of_flow(), run_id, {}, frozenset({step} if step else ()))
    return replace(found, has_new_values=bool(environment.get(variables.HAS_NEW_VALUES)))
