"""An arm leads into the other arm: {a: self.a, b: self.b} with a before b."""

from metaflow import FlowSpec, step


class SwitchFallsThroughFlow(FlowSpec):
    @step
    def start(self):
        self.way = "a"
        self.next({"a": self.a, "b": self.b}, condition="way")

    @step
    def a(self):
        self.seen = ["a"]
        self.next(self.b)

    @step
    def b(self):
        self.seen = getattr(self, "seen", []) + ["b"]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SwitchFallsThroughFlow()
