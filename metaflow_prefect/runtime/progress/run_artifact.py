"""The artifact of a whole run in Prefect's UI: its graph with the state of each step, and a table of the steps; pure.

The Markdown ends with the same facts in a comment, which the UI does not show: commands that follow a run from a
terminal read them there (`progress_of`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from metaflow_prefect.runtime.flow.graph import Step
from metaflow_prefect.runtime.progress import graph_svg
from metaflow_prefect.runtime.progress.in_words import counts, duration
from metaflow_prefect.runtime.progress.model import Progress, StepProgress, dumps, loads

_PARAGRAPH = "\n\n"
_BEFORE, _AFTER = "<!-- progress ", " -->"


class Containers(NamedTuple):
    """What the page says about a run's containers: a sentence about its own, and Markdown about those of its steps."""

    own: str = ""
    of_steps: str = ""


NOT_KNOWN = Containers()
"""What is said about containers where nothing is known of them."""


def chart(
    steps: tuple[Step, ...],
    docs: Mapping[str, str],
    progress: Progress,
    now: float,
    containers: Containers = NOT_KNOWN,
) -> str:
    """Return the Markdown of the run's artifact; *docs* says what each step is for, *containers* what they cost."""
    image = graph_svg.data_uri(graph_svg.draw(steps, progress, now))
    head = (
        f"### `{progress.flow}/{progress.run_id}`\n\n"
        f"**{progress.state.value}**, {duration(progress.seconds(now))}\n\n"
        f"{f'Container: {containers.own}{_PARAGRAPH}' if containers.own else ''}"
        f"{_failure(progress.failure)}"
    )
    rows = "\n".join(_row(step, docs.get(step.name, ""), progress, now) for step in progress.steps)
    return (
        f"{head}![graph of {progress.flow}]({image})\n\n"
        f"| step | state | tasks | time | what it does |\n|---|---|---|---|---|\n{rows}\n\n"
        f"{containers.of_steps}"
        f"{_BEFORE}{_hidden(dumps(progress))}{_AFTER}\n"
    )


def progress_of(markdown: str) -> Progress | None:
    """Return the progress that `chart` put into the comment of *markdown*, or None without one."""
    _, found, rest = markdown.rpartition(_BEFORE)
    return loads(rest.partition(_AFTER)[0]) if found else None


def percent(step: StepProgress) -> float:
    """Return how much of a foreach is done."""
    return 100.0 * step.done / step.total if step.total else 0.0


def _failure(text: str) -> str:
    """Return the first error as a code block, with a longer fence than any in its text."""
    if not text:
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 3)
    return f"{fence}text\n{text}\n{fence}\n\n"


def _row(step: StepProgress, doc: str, progress: Progress, now: float) -> str:
    seconds = step.seconds(progress.ended or now)
    tasks = f"{step.done} of {step.total} done" if step.total > 1 else ""
    cells = (
        f"`{step.name}`",
        step.shown_state(progress.state).value,
        ", ".join(part for part in (tasks, counts(step)) if part),
        "" if seconds is None else duration(seconds),
        doc.replace("|", "\\|"),
    )
    return f"| {' | '.join(cells)} |"


def _hidden(text: str) -> str:
    # A name may not end the comment; JSON reads the escape as the same character.
    return text.replace(">", "\\u003e")
