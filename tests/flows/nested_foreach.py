"""A foreach in a foreach, with inner lists of different length."""

from metaflow import FlowSpec, step


class NestedForeachFlow(FlowSpec):
    @step
    def start(self):
        self.outer = [1, 2, 3]
        self.next(self.fan, foreach="outer")

    @step
    def fan(self):
        self.inner = list(range(self.input))
        self.next(self.work, foreach="inner")

    @step
    def work(self):
        self.value = self.input
        self.stack = self.foreach_stack()
        self.next(self.inner_join)

    @step
    def inner_join(self, inputs):
        self.values = [i.value for i in inputs]
        self.next(self.outer_join)

    @step
    def outer_join(self, inputs):
        self.values = [i.values for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        print(self.values)


if __name__ == "__main__":
    NestedForeachFlow()
