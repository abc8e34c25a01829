"""What a run of a deployment is told by whoever asked for it: by a schedule, by events, by `resume`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from metaflow_prefect.names import PARAMETERS_TASK_ID
from metaflow_prefect.runtime.flow.graph import Step
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.in_flow import current_trigger, new_parameter_values
from metaflow_prefect.runtime.run.launch_options import LaunchOptions
from metaflow_prefect.runtime.store import resume_origin
from metaflow_prefect.runtime.store.captured_environment import (
    NOTHING_CAPTURED,
    CapturedEnvironment,
)
from metaflow_prefect.runtime.store.captured_environment import read as read_kept
from metaflow_prefect.runtime.store.datastore import RunDatastore
from metaflow_prefect.runtime.store.resume_origin import Origin

SCHEDULED_TIME = "METAFLOW_PREFECT_SCHEDULED_TIME"
"""In the environment of a scheduled run's steps: when it was due, in ISO 8601 with its offset from UTC."""

ORIGIN_RUN_ID = "METAFLOW_PREFECT_ORIGIN_RUN_ID"
"""In the environment of a run: the Metaflow run whose successful tasks it takes over."""

STEP_TO_RERUN = "METAFLOW_PREFECT_STEP_TO_RERUN"
"""In the environment of a run with an origin: the step that is executed again although it succeeded."""


HAS_NEW_VALUES = "METAFLOW_PREFECT_HAS_NEW_VALUES"
"""In the environment of a run with an origin, where a parameter has another value than it had there."""


def completed(
    options: LaunchOptions,
    program: Program,
    steps: Iterable[Step],
    flow_run: Any,
    triggered_by: Iterable[Mapping[str, Any]],
) -> LaunchOptions:
    """Return *options* with what the flow run itself and its environment say.

    Raises:
        InitFailed: there is no run to take tasks from.
    """
    found = options.origin or _origin(program, os.environ)
    return replace(
        options,
        origin=found,
        kept=_kept(steps, flow_run.deployment_id),
        variables={**schedule(flow_run), **_trigger(triggered_by), **_new_values(found)},
    )


def _kept(steps: Iterable[Step], deployment_id: object) -> CapturedEnvironment:
    """Return what @environment took from the deploying environment; asks only where a step has it."""
    if deployment_id is None or not any(step.environment for step in steps):
        return NOTHING_CAPTURED
    return read_kept(deployment_id)


def schedule(flow_run: Any) -> dict[str, str]:
    """Return the moment a schedule has set; the one it had at first, should the run begin again later."""
    if not flow_run.auto_scheduled or flow_run.expected_start_time is None:
        return {}
    return {SCHEDULED_TIME: flow_run.expected_start_time.isoformat()}


def _trigger(triggered_by: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    found = list(triggered_by)
    return {current_trigger.VARIABLE: current_trigger.variable(found)} if found else {}


def _new_values(found: Origin | None) -> dict[str, str]:
    has_some = found is not None and found.has_new_values
    return {new_parameter_values.VARIABLE: PARAMETERS_TASK_ID} if has_some else {}


def _origin(program: Program, environment: Mapping[str, str]) -> Origin | None:
    run_id = environment.get(ORIGIN_RUN_ID)
    if not run_id:
        return None
    step = environment.get(STEP_TO_RERUN)
    datastore = RunDatastore(program.flow, run_id, program.datastore, program.datastore_root)
    found = resume_origin.read(datastore.of_flow(), run_id, {}, frozenset({step} if step else ()))
    return replace(found, has_new_values=bool(environment.get(HAS_NEW_VALUES)))
