"""One task per item; the join sees the items in their order."""

from metaflow import FlowSpec, step


class ForeachFlow(FlowSpec):
    @step
    def start(self):
        self.items = [5, 3, 9, 1]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.square = self.input**2
        print("item", self.index, "is", self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.squares = [i.square for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        self.total = sum(self.squares)


if __name__ == "__main__":
    ForeachFlow()
