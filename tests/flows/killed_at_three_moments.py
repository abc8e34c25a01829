"""Processes that are killed at a step's start, while its data is stored, and when it has been stored."""

import atexit
import signal

from metaflow import FlowSpec, current, retry, step, user_step_decorator


def die_once():
    if current.retry_count == 0:
        signal.raise_signal(signal.SIGKILL)


@user_step_decorator
def die_before(step_name, flow, inputs, attributes):
    die_once()
    yield


class Deadly:
    def __reduce__(self):
        die_once()
        return int, (7,)


class KilledAtThreeMomentsFlow(FlowSpec):
    @retry(times=1, minutes_between_retries=0)
    @die_before
    @step
    def start(self):
        self.x = current.retry_count
        self.next(self.storing)

    @retry(times=1, minutes_between_retries=0)
    @step
    def storing(self):
        self.deadly = Deadly()
        self.next(self.end)

    @retry(times=2, minutes_between_retries=0)
    @step
    def end(self):
        atexit.register(die_once)


if __name__ == "__main__":
    KilledAtThreeMomentsFlow()
