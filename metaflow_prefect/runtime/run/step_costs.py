"""What the containers of a run's steps have cost so far, for the run's page; the server is asked seldom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from metaflow_prefect.runtime.progress.cost import Cost, about, total_in_words
from metaflow_prefect.runtime.progress.in_words import duration
from metaflow_prefect.runtime.step_containers import child_runs

_EVERY_SECONDS = 30.0
"""The time between two questions; one more follows when the run is over."""

_SHOWN = 50
"""Of how many containers the page says it one by one."""

_PAGE = 200
"""As many flow runs as Prefect's server returns at most."""


@dataclass(slots=True)
class StepCosts:
    """The containers of the steps of *flow_run*; used by the thread that posts its page.

    `has_some` says whether steps may have containers of their own; `children` returns their flow runs.
    """

    flow_run: Any
    has_some: bool
    children: Callable[[Any], Iterable[Any]]
    _found: Mapping[str, Cost] = field(default_factory=dict)
    _asked: float | None = None

    @classmethod
    def of(
        cls,
        flow_run: Any,
        environment: Mapping[str, str],
        children: Callable[[Any], Iterable[Any]] | None = None,
    ) -> StepCosts:
        """Prepare for *flow_run*, whose deployment has set *environment*; the server is asked for its *children*."""
        has_some = bool(child_runs.sources(environment))
        return cls(flow_run, has_some=has_some, children=children or _children)

    def table(self, own: Cost | None, *, is_over: bool) -> str:
        """Return the costs as Markdown, with their sum and that of *own*, the flow's container; empty without any."""
        if not self.has_some:
            return ""
        self._ask(is_over=is_over)
        if not self._found:
            return ""
        rows = [_row(tasks, cost) for tasks, cost in self._found.items()]
        more = len(rows) - _SHOWN
        rest = f"\n\nand {more} more; `status --json` lists all" if more > 0 else ""
        head = "| container of | run time | price an hour | cost |\n|---|---|---|---|"
        together = total_in_words(own, self._found.values())
        return "\n".join((head, *rows[:_SHOWN])) + f"{rest}\n\nContainers: {together}\n\n"

    def _ask(self, *, is_over: bool) -> None:
        now = time.monotonic()
        if self._asked is not None and now - self._asked < _EVERY_SECONDS and not is_over:
            return
        self._asked = now
        # A server that does not answer must not keep the rest of the page from being posted.
        with suppress(Exception):
            known = {
                child.name.removeprefix(f"{self.flow_run.name} "): Cost.of_step(child)
                for child in self.children(self.flow_run.id)
            }
            self._found = {name: cost for name, cost in sorted(known.items()) if cost is not None}


def _children(flow_run_id: Any) -> Iterator[Any]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas import filters

    parent = filters.FlowRunFilterParentFlowRunId(any_=[flow_run_id])
    wanted = filters.FlowRunFilter(parent_flow_run_id=parent)
    offset = 0
    with get_client(sync_client=True) as client:
        while True:
            page = client.read_flow_runs(flow_run_filter=wanted, limit=_PAGE, offset=offset)
            yield from page
            offset += len(page)
            if len(page) < _PAGE:
                return


def _row(tasks: str, cost: Cost) -> str:
    price = f"${cost.rate.dollars_per_hour:g} ({cost.rate.plan})"
    return f"| `{tasks}` | {duration(cost.seconds)} | {price} | {about(cost.dollars)} |"
