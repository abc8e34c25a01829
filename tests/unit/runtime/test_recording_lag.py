"""A run waits for a server that records its tasks more slowly than they end, and not for one that does nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from metaflow_prefect.runtime.run.recording_lag import LONGEST_SECONDS, RecordingLag


@dataclass
class Simulation:
    """A run whose tasks end at *pace* a second, and a server that records *speed* of them a second."""

    pace: float
    speed: float
    now: float = 0.0
    ended: int = 0
    recorded: float = 0.0
    asked: int = 0
    is_away: bool = False
    said: list[str] = field(default_factory=list)
    longest: float = 0.0

    def count(self):
        self.asked += 1
        if self.is_away:
            raise ConnectionError
        return int(self.recorded)

    def run(self, tasks, *, most_seconds=10_000):
        lag = RecordingLag(self.count, self.said.append, lambda: self.now)
        step = 0.05
        while self.ended < tasks and self.now < most_seconds:
            self.now += step
            self.recorded = min(self.recorded + step * self.speed, self.ended)
            if not lag.is_too_long():
                for _ in range(round(self.pace * step)):
                    self.ended += 1
                    lag.task_ended()
            self.longest = max(self.longest, self.ended - self.recorded)
        return self


def test_a_server_that_is_fast_enough_costs_no_time_and_few_requests():
    run = Simulation(pace=40, speed=100).run(4000)

    assert run.said == []
    assert run.now == pytest.approx(100, rel=0.01)
    assert run.asked <= 55


def test_a_narrow_run_asks_nothing():
    assert Simulation(pace=20, speed=0).run(99).asked == 0


@pytest.mark.parametrize("speed", [10, 50, 200])
def test_a_slow_server_is_never_far_behind(speed):
    run = Simulation(pace=400, speed=speed).run(10_000)

    assert run.ended == 10_000
    # It may take two looks to see that it is behind, during which tasks end at their own pace.
    assert run.longest <= 400 * (LONGEST_SECONDS + 4)
    assert run.now == pytest.approx(10_000 / speed, rel=0.5)
    assert len(run.said) == 1
    assert "faster than Prefect's server records them" in run.said[0]


@pytest.mark.parametrize("is_away", [True, False])
def test_a_server_that_records_nothing_holds_the_run_up_for_a_minute(is_away):
    run = Simulation(pace=400, speed=0, is_away=is_away).run(10_000)

    assert run.ended == 10_000
    assert run.now < 60 + 10_000 / 400 + 10
    assert len(run.said) == 2
    assert "goes on without waiting" in run.said[1]
