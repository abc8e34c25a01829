"""Items that come from a view of a dictionary, which cannot be pickled."""

from metaflow import FlowSpec, step


class ForeachOverViewFlow(FlowSpec):
    @step
    def start(self):

        self.items = {"b": 2, "a": 1}.keys()
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
    ForeachOverViewFlow()
