"""Two cases lead to the same step."""

from metaflow import FlowSpec, step


class SwitchSameTargetFlow(FlowSpec):
    @step
    def start(self):
        self.k = "two"
        self.next({"one": self.low, "two": self.low, "three": self.high}, condition="k")

    @step
    def low(self):
        self.took = "low"
        self.next(self.end)

    @step
    def high(self):
        self.took = "high"
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SwitchSameTargetFlow()
