"""What containers wait for before their flow runs begin, reported within the rate budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import Project
from prefect_northflank.intervals import Intervals
from prefect_northflank.watch.exit_reason import waiting_for
from prefect_northflank.watch.poll_schedule import Poll
from prefect_northflank.watch.watched_run import WatchedRun

_FEW_RUNS = 4
"""So many runs of a job are each asked about while they wait; of more, one stands for all that wait."""

_LONGEST_UNEXPLAINED_SECONDS = 60.0
"""With more runs of a job than a few, a container has the longer to begin before it costs a call to ask why it waits."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a container of a job waited for; good for all others of the job until *until*."""

    text: str
    until: float


class WaitingReports:
    """Reports what containers wait for. The containers of a job have one image and one plan.

    Where many of them wait, the answer about the one that has waited longest is reported for all.
    """

    def __init__(
        self,
        client: NorthflankClient,
        project: Project,
        intervals: Intervals,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._client = client
        self._project = project
        self._intervals = intervals
        self._clock = clock
        self._answers: dict[str, _Answer] = {}
        """The last answer about a job with many runs, by the job."""

    async def report(self, poll: Poll[WatchedRun]) -> None:
        """Report why flow runs of *poll* have not begun yet; an answer takes a call."""
        now, patience = self._clock(), self._patience(len(poll.runs))
        waiting = [
            watch
            for watch in poll.runs
            if watch.pending
            and watch.concluded_at is None
            and now >= max(watch.began_at + patience, watch.next_explanation)
        ]
        if not waiting:
            return
        if len(poll.runs) <= _FEW_RUNS:
            for watch in waiting:
                _tell([watch], await self._ask(watch, now, patience))
            return
        answer = self._answers.get(poll.job)
        if answer is None or now >= answer.until:
            longest = min(waiting, key=lambda watch: watch.began_at)
            answer = self._answers[poll.job] = await self._ask(longest, now, patience)
        _tell(waiting, answer)

    def _patience(self, runs: int) -> float:
        first = self._intervals.first_look_seconds
        return min(first * (1 + runs // _FEW_RUNS), max(_LONGEST_UNEXPLAINED_SECONDS, first))

    async def _ask(self, watch: WatchedRun, now: float, patience: float) -> _Answer:
        containers = await self._client.containers(
            self._project, watch.pid.job, watch.pid.run or ""
        )
        # It is asked ever more rarely: what a container waits for seldom changes later.
        seconds = max(patience, (now - watch.began_at) / 2)
        return _Answer(waiting_for(containers), now + seconds)


def _tell(waiting: Sequence[WatchedRun], answer: _Answer) -> None:
    for watch in waiting:
        watch.next_explanation = answer.until
        if answer.text != watch.waiting_for:
            watch.waiting_for = answer.text
            watch.report_waiting(answer.text)
