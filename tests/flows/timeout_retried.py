"""Too slow on the first attempt, quick on the second."""

import time

from metaflow import FlowSpec, current, retry, step, timeout


class TimeoutRetriedFlow(FlowSpec):
    @retry(times=1, minutes_between_retries=0)
    @timeout(seconds=3)
    @step
    def start(self):
        self.attempt = current.retry_count
        time.sleep(120 if self.attempt == 0 else 0)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TimeoutRetriedFlow()
