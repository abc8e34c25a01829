import os
import time
from pathlib import Path

from metaflow import FlowSpec, Parameter, northflank, step


class SleepingFlow(FlowSpec):
    """A branch that sleeps in its container, and one that fails if it is told to."""

    fails = Parameter("fails", default=False)
    awake = Parameter("awake")

    @step
    def start(self):
        self.next(self.sleeper, self.other)

    @northflank(memory=700)
    @step
    def sleeper(self):
        Path(self.awake).write_text(str(os.getpid()))
        time.sleep(3600)
        self.next(self.join)

    @step
    def other(self):
        while self.fails and not Path(self.awake).exists():
            time.sleep(0.2)
        if self.fails:
            raise ValueError("the other branch fails")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SleepingFlow()
