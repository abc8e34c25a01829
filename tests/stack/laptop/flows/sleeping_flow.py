"""One step sleeps in a container until it is told to go on; another one fails when it sleeps, if it is told to."""

import os
import time

from metaflow import FlowSpec, Parameter, northflank, step


class SleepingFlow(FlowSpec):
    folder = Parameter("folder")
    fails = Parameter("fails", default=False)

    @step
    def start(self):
        self.next(self.sleeper, self.sibling)

    @northflank(cpu=0.1, memory=256)
    @step
    def sleeper(self):
        with open(os.path.join(self.folder, "asleep"), "a") as file:
            file.write(f"{os.getpid()}\n")
        while not os.path.exists(os.path.join(self.folder, "wake")):
            time.sleep(0.2)
        self.woke = True
        self.next(self.join)

    @step
    def sibling(self):
        while self.fails and not os.path.exists(os.path.join(self.folder, "asleep")):
            time.sleep(0.2)
        if self.fails:
            raise ValueError("the sibling fails")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.woke = inputs.sleeper.woke
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SleepingFlow()
