"""An arm is a switch itself."""

from metaflow import FlowSpec, step


class NestedSwitchFlow(FlowSpec):
    @step
    def start(self):
        self.one = "b"
        self.next({"a": self.a, "b": self.b}, condition="one")

    @step
    def a(self):
        self.path = "a"
        self.next(self.end)

    @step
    def b(self):
        self.two = "y"
        self.next({"x": self.x, "y": self.y}, condition="two")

    @step
    def x(self):
        self.path = "bx"
        self.next(self.end)

    @step
    def y(self):
        self.path = "by"
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    NestedSwitchFlow()
