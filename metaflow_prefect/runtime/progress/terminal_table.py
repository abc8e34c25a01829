"""A run's progress as a table for a terminal of 80 columns or more; pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from metaflow_prefect.runtime.progress.in_words import counts, duration
from metaflow_prefect.runtime.progress.model import Progress, State, StepProgress

_STYLES = {
    State.WAITING: "dim",
    State.RUNNING: "cyan",
    State.DONE: "green",
    State.FAILED: "bold red",
    State.SUSPENDED: "yellow",
}
_BAR_COLUMNS = 16
_NAME_COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Signs:
    """One character per state, in the terminal's encoding."""

    waiting: str
    running: str
    done: str
    failed: str
    suspended: str

    def of(self, state: State) -> str:
        """Return the sign of *state*."""
        return str(getattr(self, state.value))


UNICODE = Signs("·", "●", "✓", "✗", "‖")
ASCII = Signs(".", ">", "+", "x", "=")


def signs(encoding: str) -> Signs:
    """Return the signs that a terminal of *encoding* can show."""
    try:
        "".join(UNICODE.of(state) for state in State).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the table depends on beside the progress. `room` is the number of steps that may be shown.

    `link` is the address of the run in Prefect's UI, or how to see the run.
    """

    now: float
    room: int = 1000
    link: str = ""
    signs: Signs = UNICODE


def progress_table(progress: Progress, view: View) -> RenderableType:
    """Return one line per step, with a bar for each foreach; summarize in a line the steps that do not fit."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(max_width=_NAME_COLUMNS, no_wrap=True, overflow="ellipsis")
    table.add_column(width=_BAR_COLUMNS)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    before, shown, after = window(progress.steps, view.room)
    for step in shown:
        table.add_row(*_row(step, progress, view))
    parts: list[RenderableType] = [_head(progress, view)]
    if view.link:
        parts.append(Text(f"  {view.link}", style="dim", overflow="fold"))
    if before:
        parts.append(Text(f"  {_earlier(before)}", style="dim"))
    parts.append(table)
    if after:
        parts.append(Text(f"  … {after} more to come", style="dim"))
    return Group(*parts)


def window(
    steps: tuple[StepProgress, ...], room: int
) -> tuple[tuple[StepProgress, ...], tuple[StepProgress, ...], int]:
    """Return the steps left out before, those shown, and how many are left out after.

    Steps that are running or have failed are preferred, then those nearest to them.

    >>> steps = tuple(StepProgress(name=n, done=n in "ab", running=int(n == "c")) for n in "abcdef")
    >>> _, shown, after = window(steps, 3)
    >>> [step.name for step in shown], after
    (['b', 'c', 'd'], 2)
    """
    if len(steps) <= room:
        return (), steps, 0
    active = [n for n, step in enumerate(steps) if step.state in (State.RUNNING, State.FAILED)]
    done = [n for n, step in enumerate(steps) if step.state is State.DONE]
    first = max(active[0] - 1, active[-1] - room + 1) if active else (done[-1] if done else 0)
    first = min(first, active[0]) if active else first
    first = min(max(first, 0), len(steps) - room)
    last = first + room
    return steps[:first], steps[first:last], len(steps) - last


def _head(progress: Progress, view: View) -> Text:
    style = _STYLES[progress.state]
    return Text.assemble(
        (view.signs.of(progress.state), style),
        " ",
        (f"{progress.flow}/{progress.run_id}", "bold"),
        "  ",
        (progress.state.value, style),
        f" {duration(progress.seconds(view.now))}",
    )


def _row(step: StepProgress, progress: Progress, view: View) -> tuple[RenderableType, ...]:
    state = step.shown_state(progress.state)
    style = _STYLES[state]
    seconds = step.seconds(progress.ended or view.now)
    is_idle = state is State.WAITING
    return (
        Text(view.signs.of(state), style=style),
        Text(step.name, style="dim" if is_idle else ""),
        _bar(step) if step.is_foreach and step.total else Text(""),
        Text(_done(step), style="dim" if is_idle else ""),
        Text.assemble(
            "" if seconds is None else f"{duration(seconds):<7} ",
            (counts(step), "red" if step.failed else "yellow" if step.retried else "cyan"),
            _until_again(step.pause(view.now)) if not progress.is_over else "",
        ),
    )


def _until_again(seconds: float | None) -> str:
    return f", again in {duration(math.ceil(seconds))}" if seconds else ""


def _bar(step: StepProgress) -> ProgressBar:
    return ProgressBar(
        total=step.total,
        completed=step.done,
        width=_BAR_COLUMNS,
        complete_style="red" if step.failed else "cyan",
        finished_style="green",
    )


def _done(step: StepProgress) -> str:
    if step.is_foreach or step.total > 1:
        return f"{step.done}/{step.total}" if step.total else ""
    return "done" if step.done else ""


def _earlier(steps: tuple[StepProgress, ...]) -> str:
    done = sum(step.state is State.DONE for step in steps)
    failed = sum(step.failed for step in steps)
    skipped = len(steps) - done - sum(bool(step.failed) for step in steps)
    said = [
        f"{number} {word}"
        for number, word in ((done, "done"), (failed, "failed"), (skipped, "not reached"))
        if number
    ]
    return f"… {len(steps)} steps before: {', '.join(said)}"
