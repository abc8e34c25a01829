"""The step takes too long; @catch goes on without it."""

import time

from metaflow import FlowSpec, catch, step, timeout


class TimeoutCaughtFlow(FlowSpec):
    @catch(var="failure", print_exception=False)
    @timeout(seconds=1)
    @step
    def start(self):
        time.sleep(120)
        self.next(self.end)

    @step
    def end(self):
        self.caught = bool(self.failure)


if __name__ == "__main__":
    TimeoutCaughtFlow()
