"""Items that are no list: a range in one step, a set of one in the next."""

from metaflow import FlowSpec, step


class ForeachOverRangeFlow(FlowSpec):
    @step
    def start(self):
        self.items = range(2, 5)
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.x = self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.xs = [i.x for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ForeachOverRangeFlow()
