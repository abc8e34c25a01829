"""One item of a foreach fails after the others are done: the run fails, and keeps what they did."""

import time
from pathlib import Path

from metaflow import FlowSpec, current, step


class SiblingFailsFlow(FlowSpec):
    @step
    def start(self):
        self.items = [1, 0, 2]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        mine = Path(f"done-{current.run_id}-{self.input}")
        while not self.input and len(list(Path().glob(f"done-{current.run_id}-*"))) < 2:
            time.sleep(0.2)
        mine.touch()
        time.sleep(0 if self.input else 8)
        self.x = 10 // self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SiblingFailsFlow()
