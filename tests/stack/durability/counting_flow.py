"""Thirty tasks, each of which notes in $COUNTING_LOG that it was executed."""

import os

from metaflow import FlowSpec, current, step


def note():
    with open(os.environ["COUNTING_LOG"], "a") as log:
        log.write(f"{current.pathspec}\n")


class CountingFlow(FlowSpec):
    @step
    def start(self):
        note()
        self.items = list(range(26))
        self.next(self.work, foreach="items")

    @step
    def work(self):
        note()
        self.square = self.input**2
        self.next(self.join)

    @step
    def join(self, inputs):
        note()
        self.total = sum(i.square for i in inputs)
        self.next(self.loop)

    @step
    def loop(self):
        note()
        self.turns = getattr(self, "turns", 0) + 1
        self.state = "again" if self.turns < 3 else "done"
        self.next({"again": self.loop, "done": self.end}, condition="state")

    @step
    def end(self):
        note()


if __name__ == "__main__":
    CountingFlow()
