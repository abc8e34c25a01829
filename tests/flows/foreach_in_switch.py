"""An arm that fans out."""

from metaflow import FlowSpec, step


class ForeachInSwitchFlow(FlowSpec):
    @step
    def start(self):
        self.wide = "yes"
        self.next({"yes": self.fan, "no": self.skip}, condition="wide")

    @step
    def fan(self):
        self.items = [1, 2, 3]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(i.input for i in inputs)
        self.next(self.end)

    @step
    def skip(self):
        self.total = 0
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ForeachInSwitchFlow()
