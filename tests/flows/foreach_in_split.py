"""One branch fans out, the other is one step."""

from metaflow import FlowSpec, step


class ForeachInSplitFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.fan, self.lone)

    @step
    def fan(self):
        self.items = [1, 2, 3]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.x = self.input * 2
        self.next(self.inner)

    @step
    def inner(self, inputs):
        self.total = sum(i.x for i in inputs)
        self.next(self.join)

    @step
    def lone(self):
        self.total = 100
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = inputs.inner.total + inputs.lone.total
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ForeachInSplitFlow()
