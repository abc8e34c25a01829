"""What people learn about a deployed run's container: what it used and cost, and what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.progress.cost import Cost, Rate
from metaflow_prefect.runtime.progress.model import Progress
from metaflow_prefect.runtime.progress.usage import Usage
from metaflow_prefect.runtime.run.container_usage import ControlGroup, UsageMeter


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerReport:
    """The container of one execution of a flow run; runs without a deployment have none of their own.

    `earlier_seconds` is how long earlier executions of the flow run ran, and `earlier` what they used; `asked` is
    what the flow's steps ask for with @resources.
    """

    flow_run: Any
    meter: UsageMeter | None
    rate: Rate | None = None
    asked: str = ""
    earlier: Usage | None = None
    earlier_seconds: float = 0
    _last: list[Usage] = field(default_factory=list, repr=False)

    @classmethod
    def of(
        cls, flow_run: Any, group: ControlGroup | None, environment: Mapping[str, str]
    ) -> ContainerReport:
        """Prepare the report on *flow_run*, which is executed in *group*."""
        if flow_run.deployment_id is None:
            return cls(flow_run=flow_run, meter=None)
        rate = Rate.of(environment)
        return cls(
            flow_run=flow_run,
            meter=UsageMeter(group),
            rate=None if rate is None else rate.of_run(flow_run.job_variables),
            asked=environment.get(variables.CONTAINER_REQUEST, ""),
            earlier=Usage.of(flow_run.labels),
            earlier_seconds=flow_run.total_run_time.total_seconds(),
        )

    @contextmanager
    def recording(self, say: Callable[[str], None]) -> Iterator[None]:
        """Measure while the block runs, then keep the result with the flow run, where commands find it."""
        if self.meter is None:
            yield
            return
        with self.meter.measuring():
            try:
                yield
            finally:
                self._last.append(self.meter.usage().after(self.earlier))
                self._record(say)

    def line(self, progress: Progress, now: float) -> str:
        """Return the sentence about the container for the run's page; empty where nothing is known."""
        last = self._last[-1] if self._last else None
        return in_words(self.cost(progress, now), last, self.asked)

    def cost(self, progress: Progress, now: float) -> Cost | None:
        """Return what the container has cost so far; None where its price is not known."""
        if self.rate is None:
            return None
        return Cost(rate=self.rate, seconds=self.earlier_seconds + progress.seconds(now))

    def _record(self, say: Callable[[str], None]) -> None:
        from prefect.client.orchestration import get_client

        try:
            with get_client(sync_client=True) as client:
                client.update_flow_run_labels(self.flow_run.id, self._last[-1].labels())
        except Exception as error:  # noqa: BLE001  a note about a run must never decide what the run does
            say(f"What the container used could not be recorded in Prefect: {error}")


def in_words(cost: Cost | None, usage: Usage | None, asked: str) -> str:
    """Return what a run cost and used, beside what it asked for; empty where nothing is known.

    >>> in_words(None, Usage(cpu_seconds=7), "cpu=2, memory=4000")
    'used 7.0s of CPU; asked for cpu=2, memory=4000'
    """
    known = ("" if cost is None else str(cost), "" if usage is None else str(usage))
    facts = [fact for fact in known if fact]
    if facts and asked:
        facts.append(f"asked for {asked}")
    return "; ".join(facts)
