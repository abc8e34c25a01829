"""The support matrix: what each of Metaflow's decorators becomes. Data; the docs page is generated from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from metaflow_prefect.errors import Finding


class Verdict(str, Enum):
    """What the compiler does with a decorator."""

    MAPPED = "mapped"
    """Translated into the corresponding feature of Prefect."""
    WITHIN = "within the step"
    """Runs inside Metaflow's own `step`, exactly as under Metaflow."""
    REFUSED = "refused"
    """Cannot work; the compiler refuses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """The verdict on one decorator: how it is mapped, or why not and what to do instead."""

    name: str
    verdict: Verdict
    note: str
    remedy: str = ""


def _mapped(name: str, note: str) -> Support:
    return Support(name=name, verdict=Verdict.MAPPED, note=note)


def _within(name: str, note: str) -> Support:
    return Support(name=name, verdict=Verdict.WITHIN, note=note)


def _refused(name: str, note: str, remedy: str) -> Support:
    return Support(name=name, verdict=Verdict.REFUSED, note=note, remedy=remedy)


_OTHER_ORCHESTRATOR = "it belongs to another orchestrator"
_LEAVE_IT_OUT = "take it out for this deployment"
_INTERPRETER = (
    "the step has its own interpreter, made by Metaflow with micromamba and started for each task; refused if micromamba is "
    "missing, and in deployments to pools that run containers unless METAFLOW_PATH_TO_MICROMAMBA says that the image has it. Tested "
    "only with a substitute for micromamba, not with a real channel"
)

_PACKAGES = (
    "the step has an interpreter of its own: its packages are locked with hashes when the flow is run, compiled or deployed, and "
    "installed by uv where it runs, in containers too (docs/how-to/resources.md). With METAFLOW_PREFECT_PYPI_INSTALLER=micromamba, and "
    "where uv is missing, as @conda"
)

STEP_DECORATORS = (
    _mapped("retry", "`retries` and `retry_delay_seconds` of the task; one Metaflow task, the same attempt numbers"),
    _mapped("catch", "three more attempts for the fallback, as under Metaflow's own runtime"),
    _mapped("timeout", "enforced in the step as under Metaflow; `timeout_seconds` of the task ends a step that ignores it"),
    _mapped(
        "environment",
        "set before the step's process starts; the values stay in the flow's file, except those from the "
        "environment in which you deploy, which are in a Prefect Secret block",
    ),
    _mapped("resources", "the size of a deployed run's container: the largest request of all steps, and no less than a run itself needs (on Northflank the cheapest plan that has it), in which tasks run together only if it has what they ask for; tags of the task (`cpu=4`), for Prefect's concurrency limits"),
    _mapped("northflank", "in a deployment, the step's tasks run in containers of their own, each of which is a flow run of a second deployment; several tasks of a foreach can share one. Under Metaflow's own `run`, each task is a job run on Northflank. Otherwise, the step runs on this machine"),
    _mapped("parallel", "a local gang: the control task starts its workers, as under `run`"),
    _within("card", "rendered and stored by the step"),
    _within("secrets", "fetched by the step"),
    _within("pytorch_parallel", "a local gang, as @parallel"),
    _mapped("conda", _INTERPRETER),
    _mapped("pypi", _PACKAGES),
    _refused("batch", "the step would leave Prefect's container for AWS Batch", "use @northflank: a container of its own on a work pool"),
    _refused("kubernetes", "the step would leave Prefect's container for a pod", "use @northflank: a container of its own on a work pool"),
    _refused("slurm", "the step would leave Prefect's container for a Slurm cluster", "use @northflank: a container of its own on a work pool"),
    _refused("snowpark", "the step would leave Prefect's container for Snowflake", "use @northflank: a container of its own on a work pool"),
    _refused("nvidia", "the step would leave Prefect's container for NVIDIA's cloud", "use @northflank: a container of its own on a work pool"),
    _refused("nvct", "the step would leave Prefect's container for NVIDIA's cloud", "use @northflank: a container of its own on a work pool"),
    _refused("unbounded_test_foreach_internal", "it is a test of Metaflow's own", _LEAVE_IT_OUT),
    _refused("airflow_internal", _OTHER_ORCHESTRATOR, _LEAVE_IT_OUT),
    _refused("argo_workflows_internal", _OTHER_ORCHESTRATOR, _LEAVE_IT_OUT),
    _refused("step_functions_internal", _OTHER_ORCHESTRATOR, _LEAVE_IT_OUT),
)  # fmt: skip

FLOW_DECORATORS = (
    _mapped("schedule", "the deployment's cron schedule, with its time zone"),
    _mapped("project", "`project.branch.Flow` is the deployment's name; --branch and --production as under `run`"),
    _mapped("exit_hook", "hooks of the Prefect flow: on completion; on failure, crash and cancellation"),
    _mapped("trigger", "an automation of the deployment; parameters come from the event's payload, with their types"),
    _mapped("trigger_on_finish", "an automation of the deployment; `current.trigger` names the runs"),
    _mapped("conda_base", "as @conda on every step"),
    _mapped("pypi_base", "as @pypi on every step"),
    _refused("airflow_external_task_sensor", _OTHER_ORCHESTRATOR, _LEAVE_IT_OUT),
    _refused("airflow_s3_key_sensor", _OTHER_ORCHESTRATOR, _LEAVE_IT_OUT),
)  # fmt: skip

ENVIRONMENTS = (
    _within("local", "the interpreter of the flow run"),
    _mapped("uv", "locally the interpreter that runs the flow (`uv run …`), as under `run`; in deployments and standalone files the environment of the uv project, which travels with the flow and is made by uv from its lock where the run is"),
    _mapped("conda", _INTERPRETER),
    _mapped("pypi", "steps with @pypi have interpreters of their own, others that of the flow run"),
)  # fmt: skip
"""The values of Metaflow's `--environment`."""

_STEP = {support.name: support for support in STEP_DECORATORS}
_FLOW = {support.name: support for support in FLOW_DECORATORS}


def findings(graph: Any, flow_decorators: tuple[Any, ...]) -> tuple[Finding, ...]:
    """Return every decorator that is refused, in the order of the source.

    An unknown decorator (of a third party) works within its step.
    """
    of_flow = [
        _finding("flow", _FLOW[decorator.name])
        for decorator in flow_decorators
        if decorator.name in _FLOW and _FLOW[decorator.name].verdict is Verdict.REFUSED
    ]
    of_steps = [
        _finding(node.name, _STEP[decorator.name])
        for node in sorted(graph, key=lambda node: node.func_lineno)
        for decorator in node.decorators
        if decorator.name in _STEP and _STEP[decorator.name].verdict is Verdict.REFUSED
    ]
    return tuple(of_flow + of_steps)


def environment_findings(environment: str) -> tuple[Finding, ...]:
    """Return a finding if Metaflow's `--environment=`*environment* is unknown."""
    by_name = {support.name: support for support in ENVIRONMENTS}
    if environment in by_name:
        return ()
    return (
        Finding(
            where="flow",
            feature=f"--environment={environment}",
            reason="this version does not know how it gives steps their interpreters",
            remedy=f"use one of {', '.join(by_name)}",
        ),
    )


def _finding(where: str, support: Support) -> Finding:
    return Finding(
        where=where, feature=f"@{support.name}", reason=support.note, remedy=support.remedy
    )
