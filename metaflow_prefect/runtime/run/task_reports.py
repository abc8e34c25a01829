"""What a run writes about its tasks: log lines, entries in Metaflow's metadata, and an artifact per task in Prefect."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from metaflow_prefect.names import artifact_key
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.flow.dispatcher import TaskPlace
from metaflow_prefect.runtime.run.artifact_queue import ArtifactQueue
from metaflow_prefect.runtime.run.task_state import TaskState
from metaflow_prefect.runtime.store.cards import Card
from metaflow_prefect.runtime.store.datastore import Artifact, TaskRecord

if TYPE_CHECKING:
    from metaflow_prefect.runtime.run.session import Session

MAX_TASKS_SHOWN = 50
"""The number of tasks of one foreach that post an artifact."""

_NARROW = "\N{NO-BREAK SPACE}"


def run_begins(flow: str, run_id: str, resumes: bool) -> None:  # noqa: FBT001  a fact, not a mode
    """Log in the flow run which Metaflow run this is."""
    from prefect.logging import get_run_logger

    verb = "continues" if resumes else "begins"
    get_run_logger().info("Metaflow run %s/%s %s", flow, run_id, verb)


def flow_log() -> Callable[[str], None]:
    """Return what writes a line into the flow run's log, from any thread."""
    from prefect.logging import get_run_logger

    logger = get_run_logger()
    return lambda text: logger.info("%s", text)


class Reporter:
    """Reports the tasks of one run, in Metaflow's metadata and in Prefect; shared by their threads."""

    def __init__(self, session: Session, flow_run: Any) -> None:
        self._session = session
        self._flow_run_id = str(flow_run.id)
        self._facts = {
            "prefect-flow-run-id": self._flow_run_id,
            "prefect-flow-run-name": flow_run.name,
        }
        if flow_run.deployment_id is not None:
            self._facts["prefect-deployment-id"] = str(flow_run.deployment_id)
            # Workers pass it to their jobs; the flow run does not have it.
            if name := os.environ.get("PREFECT__DEPLOYMENT_NAME"):
                self._facts["prefect-deployment-name"] = name
        self._artifacts = ArtifactQueue(flow_log())

    def reporting(self) -> AbstractContextManager[None]:
        """Post artifacts while the block runs."""
        return self._artifacts.posting()

    def identify(self, task: TaskState, task_run_id: UUID, logger: Any) -> None:
        """Note in Metaflow's metadata which Prefect runs and deployment the task belongs to."""
        session, facts = self._session, {**self._facts, "prefect-task-run-id": str(task_run_id)}
        triggers = session.environment.get(variables.TRIGGERED_BY)
        if triggers and not task.launch.parents:
            # As Metaflow's Argo plugin notes it, with the first task.
            facts["execution-triggers"] = triggers
        try:
            session.metadata.note(task.launch.place, task.number or 0, facts)
        except Exception as error:  # noqa: BLE001  a note about a run must never decide what the run does
            logger.warning("The metadata of %s could not be written: %s", task.label, error)

    def task_is_done(self, task: TaskState, task_run_id: UUID, record: TaskRecord) -> None:
        """Post the artifact that shows what the task has stored and how to fetch it.

        Not for every task of a wide foreach: thousands of artifacts would slow Prefect's UI down, and
        the first ones show what the others are like.
        """
        place = task.launch.place
        if not place.indices or place.indices[-1] < MAX_TASKS_SHOWN:
            self._artifacts.post(lambda: self._artifact(place, task_run_id, record))

    def _artifact(
        self, place: TaskPlace, task_run_id: UUID, record: TaskRecord
    ) -> dict[str, object]:
        session, flow = self._session, self._session.context.program.flow
        cards = session.datastore.cards.of(place.step, place.task_id)
        pathspec = f"{flow}/{record.report.path}"
        return {
            "key": artifact_key(flow, place.step),
            "type": "markdown",
            "description": f"Artifacts of {place.label}",
            "data": markdown(pathspec, record.artifacts, cards, self._flow_command()),
            "flow_run_id": self._flow_run_id,
            "task_run_id": str(task_run_id),
        }

    def _flow_command(self) -> str:
        context = self._session.context
        return shlex.join(("python", context.flow_file, f"--datastore={context.program.datastore}"))


def markdown(
    pathspec: str,
    artifacts: tuple[Artifact, ...],
    cards: tuple[Card, ...] = (),
    command: str = "",
) -> str:
    """Return a table of *artifacts* with the line of Python that fetches each, and where the cards are.

    No values: not every user of Prefect's UI may see the data.
    """
    head = f"### `{pathspec}`\n\n"
    if not artifacts:
        return f"{head}This task stored no artifacts.\n{_cards(pathspec, cards, command)}"
    rows = "\n".join(
        f"| `{item.name}` | `{item.type}` | {_size(item.size)} | `task[{item.name!r}].data` |"
        for item in artifacts
    )
    return (
        f"{head}| artifact | type | size | fetch it with |\n|---|---|---|---|\n{rows}\n\n"
        "```python\nfrom metaflow import Task, namespace\n\nnamespace(None)\n"
        f"task = Task({pathspec!r})\n```\n{_cards(pathspec, cards, command)}"
    )


def _cards(pathspec: str, cards: tuple[Card, ...], command: str) -> str:
    if not cards:
        return ""
    rows = "\n".join(f"| {card.id} | `{card.type}` | `{card.location}` |" for card in cards)
    view = f"{command} card view {pathspec.partition('/')[2]}"
    return (
        f"\n#### Cards\n\n| id | type | kept at |\n|---|---|---|\n{rows}\n\n"
        "Open them in your browser, in the flow's folder and with your access to the datastore:\n\n"
        f"```bash\n{view}\n```\n"
    )


def _size(size: int) -> str:
    """Return a size in bytes in the unit that people use."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:  # noqa: PLR2004  SI prefixes
            return f"{value:.0f}{_NARROW}{unit}" if unit == "B" else f"{value:.1f}{_NARROW}{unit}"
        value /= 1000
    return f"{value:.1f}{_NARROW}GB"
