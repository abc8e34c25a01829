"""The step's process is killed; @catch goes on without it."""

import os
import signal

from metaflow import FlowSpec, catch, step


class KilledStepIsCaughtFlow(FlowSpec):
    @catch(var="failure")
    @step
    def start(self):
        os.kill(os.getpid(), signal.SIGKILL)
        self.next(self.end)

    @step
    def end(self):
        self.caught = bool(self.failure)


if __name__ == "__main__":
    KilledStepIsCaughtFlow()
