"""A foreach whose branches fan out again."""

from metaflow import FlowSpec, step


class ForeachSplitForeachFlow(FlowSpec):
    @step
    def start(self):
        self.outer = [1, 2]
        self.next(self.body, foreach="outer")

    @step
    def body(self):
        self.inner = [self.input, self.input + 1]
        self.next(self.fan, self.lone)

    @step
    def fan(self):
        self.next(self.work, foreach="inner")

    @step
    def work(self):
        self.next(self.inner_join)

    @step
    def inner_join(self, inputs):
        self.seen = [i.input for i in inputs]
        self.next(self.split_join)

    @step
    def lone(self):
        self.next(self.split_join)

    @step
    def split_join(self, inputs):
        self.seen = inputs.inner_join.seen
        self.next(self.outer_join)

    @step
    def outer_join(self, inputs):
        self.seen = [i.seen for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ForeachSplitForeachFlow()
