"""The switch jumps over the arm that would lead into the other."""

from metaflow import FlowSpec, step


class SwitchJumpsForwardFlow(FlowSpec):
    @step
    def start(self):
        self.way = "b"
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
    SwitchJumpsForwardFlow()
