"""The decorator with which a program runs a flow on Northflank each time it calls it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect.bundles import BundleLauncher
from prefect.flows import Flow, InfrastructureBoundFlow, bind_flow_to_infrastructure

from prefect_northflank.worker import NorthflankWorker

P = ParamSpec("P")
R = TypeVar("R")


def northflank(
    work_pool: str,
    include_files: Sequence[str] | None = None,
    launcher: BundleLauncher | None = None,
    *,
    include_files_base_dir: Path | str | None = None,
    **job_variables: Any,  # noqa: ANN401  job variables are JSON of any form
) -> Callable[[Flow[P, R]], InfrastructureBoundFlow[P, R]]:
    """Bind a flow to *work_pool*; *job_variables* override those of the pool.

    The other parameters are those of Prefect's own decorators: *include_files* are patterns of files that travel with
    the flow, relative to its file or to *include_files_base_dir*; *launcher* replaces `uv run` as what starts the
    upload and the flow. The pool needs a bundle storage (`prefect work-pool storage configure`), through which Prefect
    ships the flow. A worker of the pool watches and deletes the job, as that of any other flow run.

    Example:
        >>> from prefect import flow
        >>> from prefect_northflank import northflank
        >>> @northflank("nf", billing_deployment_plan="nf-compute-200")
        ... @flow
        ... def train(): ...
    """

    def bind(flow: Flow[P, R]) -> InfrastructureBoundFlow[P, R]:
        return bind_flow_to_infrastructure(
            flow,
            work_pool=work_pool,
            worker_cls=NorthflankWorker,
            job_variables=job_variables,
            launcher=launcher,
            include_files=include_files,
            include_files_base_dir=include_files_base_dir,
        )

    return bind
