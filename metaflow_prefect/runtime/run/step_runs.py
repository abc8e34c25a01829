"""The containers of a run's steps, from its own side: which steps have them, and their end with the run's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from metaflow_prefect.runtime.run.scheduler import Scheduler
from metaflow_prefect.runtime.run.session import Session
from metaflow_prefect.runtime.step_containers import child_runs, slice_parameters
from metaflow_prefect.runtime.step_containers.child_runs import ChildRuns
from metaflow_prefect.runtime.step_containers.container_pool import ContainerPool
from metaflow_prefect.runtime.step_containers.slices import Slice


@contextmanager
def containers(session: Session, scheduler: Scheduler, flow_run: Any) -> Iterator[None]:
    """Give the steps with @northflank their containers while the block runs.

    They end with the run, but not with this container: where that is evicted or killed, the flow run is executed
    again, and finds them.
    """
    wanted = [name for name, step in session.steps.items() if step.container is not None]
    sources = child_runs.sources(session.options.environment)
    if not wanted:
        yield
        return
    if not sources:
        session.say(
            f"@northflank: {', '.join(wanted)} run here; only runs of deployments have containers for steps."
        )
        yield
        return
    pool = ContainerPool(
        flow_steps=session.steps,
        datastore=session.datastore,
        children=ChildRuns(flow_run, sources),
        parameters=_order(session, flow_run),
        nodes=lambda slice_: scheduler.nodes(slice_.launches),
        report=scheduler.receive,
        say=session.say,
        has_earlier=session.resumes,
    )
    scheduler.use_containers(pool)
    is_cancelled = False
    try:
        yield
    except Exception:
        is_cancelled = True
        raise
    except BaseException:
        # The flow run is suspended, or its container is being ended.
        is_cancelled = _is_given_up(flow_run)
        raise
    finally:
        pool.stop(is_cancelled=is_cancelled)


def _order(session: Session, flow_run: Any) -> Any:
    """Return what tells the flow run of a slice its tasks."""

    def parameters(slice_: Slice) -> dict[str, Any]:
        deployment = flow_run.deployment_id
        return slice_parameters.order(
            slice_,
            run_id=session.context.run_id,
            parent=str(flow_run.id),
            deployment=None if deployment is None else str(deployment),
            variables=dict(session.options.variables),
            tags=session.options.tags,
        ).to_json()

    return parameters


def _is_given_up(flow_run: Any) -> bool:
    """Say whether the flow run is being cancelled; if the server does not answer, its containers go on."""
    from prefect.client.orchestration import get_client

    with suppress(Exception), get_client(sync_client=True) as client:
        state = client.read_flow_run(flow_run.id).state
        return state is not None and (state.is_cancelling() or state.is_cancelled())
    return False
