"""Items that are dictionaries and tuples."""

from metaflow import FlowSpec, step


class ForeachOverDictsFlow(FlowSpec):
    @step
    def start(self):
        self.items = [{"lr": 0.1, "deep": {"x": [1]}}, {"lr": 0.2}, ("a", 1), None]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.kind = type(self.input).__name__
        self.next(self.join)

    @step
    def join(self, inputs):
        self.kinds = [i.kind for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ForeachOverDictsFlow()
