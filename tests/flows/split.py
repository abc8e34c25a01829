"""Two branches and the join that reads each by its name."""

from metaflow import FlowSpec, step


class SplitFlow(FlowSpec):
    @step
    def start(self):
        self.base = 10
        self.next(self.left, self.right)

    @step
    def left(self):
        self.value = self.base + 1
        self.next(self.join)

    @step
    def right(self):
        self.value = self.base + 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.values = {"left": inputs.left.value, "right": inputs.right.value}
        self.next(self.end)

    @step
    def end(self):
        self.total = sum(self.values.values())


if __name__ == "__main__":
    SplitFlow()
