"""A step that takes too long fails the run."""

import time

from metaflow import FlowSpec, step, timeout


class TimeoutNotCaughtFlow(FlowSpec):
    @timeout(seconds=1)
    @step
    def start(self):
        time.sleep(120)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TimeoutNotCaughtFlow()
