"""Two foreach one after another, the second over what the first gave."""

from metaflow import FlowSpec, step


class ForeachAfterForeachFlow(FlowSpec):
    @step
    def start(self):
        self.items = [1, 2]
        self.next(self.one, foreach="items")

    @step
    def one(self):
        self.x = self.input * 10
        self.next(self.join_one)

    @step
    def join_one(self, inputs):
        self.items = [i.x for i in inputs] + [0]
        self.next(self.fan)

    @step
    def fan(self):
        self.next(self.two, foreach="items")

    @step
    def two(self):
        self.y = self.input + 1
        self.next(self.join_two)

    @step
    def join_two(self, inputs):
        self.ys = [i.y for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ForeachAfterForeachFlow()
