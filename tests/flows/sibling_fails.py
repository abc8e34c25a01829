"""One item of a foreach fails: the run fails, the others are done."""

from metaflow import FlowSpec, step


class SiblingFailsFlow(FlowSpec):
    @step
    def start(self):
        self.items = [1, 0, 2]
        self.next(self.work, foreach="items")

    @step
    def work(self):
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
