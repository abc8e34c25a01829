"""What people see of a run in Prefect beside its state: log lines and an artifact per task."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from metaflow_prefect.names import artifact_key
from metaflow_prefect.runtime import current_trigger
from metaflow_prefect.runtime.cards import Card
from metaflow_prefect.runtime.datastore import Artifact, TaskRecord

if TYPE_CHECKING:
    from metaflow_prefect.runtime.session import Session

MAX_TASKS_SHOWN = 50
"""Tasks of one foreach that post an artifact of their own."""


def run_begins(flow: str, run_id: str, resumes: bool) -> None:  # noqa: FBT001  a fact, not a mode
    """Say in the flow run's log which Metaflow run this is."""
    from prefect.logging import get_run_logger

    verb = "continues" if resumes else "begins"
    get_run_logger().info("Metaflow run %s/%s %s", flow, run_id, verb)


def flow_log() -> Callable[[str], None]:
    """Return what writes a line into the flow run's log, from any thread."""
    from prefect.logging import get_run_logger

    logger = get_run_logger()
    return lambda text: logger.info("%s", text)


def identify(session: Session, label: str, task_run: Any, logger: Any) -> None:
    """Note in Metaflow's metadata which Prefect runs and deployment the task belongs to."""
    from prefect.runtime import deployment, flow_run

    facts = {
        "prefect-flow-run-id": str(flow_run.id),
        "prefect-flow-run-name": str(flow_run.name),
        "prefect-task-run-id": str(task_run.id),
    }
    triggers = session.environment.get(current_trigger.VARIABLE)
    if triggers and not session.launches[label].parents:
        # As Metaflow's Argo plugin notes it, with the first task.
        facts["execution-triggers"] = triggers
    if deployment.id is not None:
        facts["prefect-deployment-id"] = str(deployment.id)
        # Workers hand it to their jobs; asking the server for it would be a call per task.
        if name := os.environ.get("PREFECT__DEPLOYMENT_NAME"):
            facts["prefect-deployment-name"] = name
    try:
        session.metadata.note(session.launches[label].place, session.numbers.get(label, 0), facts)
    except Exception as error:  # noqa: BLE001  a note about a run must never decide what the run does
        logger.warning("The metadata of %s could not be written: %s", label, error)


def exit_hook_says(text: str) -> None:
    """Show in the flow run's log what an exit hook printed."""
    from prefect.logging import get_run_logger

    if text:
        get_run_logger().info("%s", text)


def task_is_done(session: Session, label: str, record: TaskRecord, logger: Any) -> None:
    """Post the artifact that shows what the task has stored and how to fetch it.

    Not for every task of a wide foreach: Prefect's page gets slow with thousands of artifacts, and
    the first ones show what the others are like.
    """
    from prefect.artifacts import create_markdown_artifact

    flow = session.context.program.flow
    place = session.launches[label].place
    if place.indices and place.indices[-1] >= MAX_TASKS_SHOWN:
        return
    try:
        create_markdown_artifact(
            key=artifact_key(flow, place.step),
            markdown=markdown(
                f"{flow}/{record.outcome.path}",
                record.artifacts,
                session.datastore.cards.of(place.step, place.task_id),
                session.context.flow_file,
            ),
            description=f"Artifacts of {label}",
        )
    except Exception as error:  # noqa: BLE001  what people see must never decide what a run does
        logger.warning("The artifact of %s could not be posted to Prefect: %s", label, error)


def markdown(
    pathspec: str,
    artifacts: tuple[Artifact, ...],
    cards: tuple[Card, ...] = (),
    flow_file: str = "",
) -> str:
    """Return a table of *artifacts* with the line of Python that fetches each, and where the cards are."""
    head = f"### `{pathspec}`\n\n"
    if not artifacts:
        return f"{head}This task stored no artifacts.\n{_cards(pathspec, cards, flow_file)}"
    rows = "\n".join(
        f"| `{item.name}` | `{item.type}` | {_size(item.size)} | `Task({pathspec!r})[{item.name!r}].data` |"
        for item in artifacts
    )
    return (
        f"{head}| artifact | type | size | fetch it with |\n|---|---|---|---|\n{rows}\n\n"
        "```python\nfrom metaflow import Task, namespace\nnamespace(None)\n"
        f"task = Task({pathspec!r})\n```\n{_cards(pathspec, cards, flow_file)}"
    )


def _cards(pathspec: str, cards: tuple[Card, ...], flow_file: str) -> str:
    if not cards:
        return ""
    rows = "\n".join(f"| {card.id} | `{card.type}` | `{card.location}` |" for card in cards)
    command = f"python {flow_file} card view {pathspec.partition('/')[2]}"
    return (
        f"\n#### Cards\n\n| id | type | kept at |\n|---|---|---|\n{rows}\n\n"
        f"Open them in your browser, with the datastore's settings of the run:\n\n```bash\n{command}\n```\n"
    )


def _size(size: int) -> str:
    """Return a size in bytes as people read it."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:  # noqa: PLR2004  SI prefixes
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
