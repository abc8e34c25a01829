"""The transitions of a run and its containers, as pure functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from northflank_emulator.state.models import (
    Conclusion,
    Container,
    ContainerStatus,
    Ending,
    Run,
)

_OVER = frozenset({ContainerStatus.KILLED, ContainerStatus.FAILED, ContainerStatus.FINISHED})


def staged(run: Run, name: str, at: datetime) -> Run:
    """Return *run* with a new container, which waits for its image."""
    new = Container(name=name, status=ContainerStatus.STAGING, created_at=at, updated_at=at)
    return replace(run, containers=(*run.containers, new))


def moved(run: Run, status: ContainerStatus, at: datetime) -> Run:
    """Return *run* with its latest container in another state."""
    *earlier, last = run.containers
    return replace(run, containers=(*earlier, replace(last, status=status, updated_at=at)))


def waiting(run: Run, reason: str, at: datetime) -> Run:
    """Return *run* with its latest container waiting for its image again, and the reason."""
    back = moved(run, ContainerStatus.STAGING, at)
    *earlier, last = back.containers
    return replace(back, containers=(*earlier, replace(last, reason=reason)))


def ended(run: Run, exit_code: int | None, reason: str, at: datetime) -> Run:
    """Return *run* with its latest container ended: finished, failed, or killed if it was being killed."""
    *earlier, last = run.containers
    status = ContainerStatus.FINISHED if exit_code == 0 else ContainerStatus.FAILED
    if last.status is ContainerStatus.KILLING:
        status = ContainerStatus.KILLED
    over = replace(last, status=status, updated_at=at, exit_code=exit_code, reason=reason)
    return replace(run, containers=(*earlier, over))


def concluded(run: Run, ending: Ending, at: datetime) -> Run:
    """Return *run* with a conclusion; an earlier conclusion stays."""
    return run if run.conclusion else replace(run, conclusion=Conclusion(ending=ending, at=at))


def lost(run: Run, at: datetime) -> Run:
    """Return *run* as it is after its emulator died, with every container ended."""
    containers = tuple(
        it
        if it.status in _OVER
        else replace(it, status=ContainerStatus.FAILED, updated_at=at, reason="EmulatorStopped")
        for it in run.containers
    )
    return concluded(replace(run, containers=containers), Ending.LOST, at)
