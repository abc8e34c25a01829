"""Each item goes through two branches at once."""

from metaflow import FlowSpec, step


class SplitInForeachFlow(FlowSpec):
    @step
    def start(self):
        self.items = [1, 2]
        self.next(self.body, foreach="items")

    @step
    def body(self):
        self.next(self.plus, self.times)

    @step
    def plus(self):
        self.x = self.input + 10
        self.next(self.inner)

    @step
    def times(self):
        self.x = self.input * 10
        self.next(self.inner)

    @step
    def inner(self, inputs):
        self.pair = (inputs.plus.x, inputs.times.x)
        self.next(self.outer)

    @step
    def outer(self, inputs):
        self.pairs = [i.pair for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SplitInForeachFlow()
