"""The step's process is killed once; the second attempt succeeds."""

import os
import signal

from metaflow import FlowSpec, current, retry, step


class KilledStepIsRetriedFlow(FlowSpec):
    @retry(times=1, minutes_between_retries=0)
    @step
    def start(self):
        self.attempt = current.retry_count
        print("attempt", self.attempt, flush=True)
        if self.attempt == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    KilledStepIsRetriedFlow()
