"""Three foreach levels, each joined in turn."""

from metaflow import FlowSpec, step


class ForeachThreeDeepFlow(FlowSpec):
    @step
    def start(self):
        self.xs = [1, 2]
        self.next(self.one, foreach="xs")

    @step
    def one(self):
        self.ys = [10, 20]
        self.next(self.two, foreach="ys")

    @step
    def two(self):
        self.zs = [100]
        self.next(self.three, foreach="zs")

    @step
    def three(self):
        self.sum = sum(frame[2] for frame in self.foreach_stack())
        self.next(self.join3)

    @step
    def join3(self, inputs):
        self.sums = [i.sum for i in inputs]
        self.next(self.join2)

    @step
    def join2(self, inputs):
        self.sums = [i.sums for i in inputs]
        self.next(self.join1)

    @step
    def join1(self, inputs):
        self.sums = [i.sums for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ForeachThreeDeepFlow()
