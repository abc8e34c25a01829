"""The join of a foreach sees its inputs in the order of the items, whoever is first."""

import time

from metaflow import FlowSpec, step


class JoinInputOrderFlow(FlowSpec):
    @step
    def start(self):
        self.items = [4, 3, 2, 1]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        time.sleep(self.input / 5)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.order = [i.input for i in inputs]
        self.indices = [i.index for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    JoinInputOrderFlow()
