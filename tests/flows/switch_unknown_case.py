"""The condition has a value no case names: the step fails."""

from metaflow import FlowSpec, step


class SwitchUnknownCaseFlow(FlowSpec):
    @step
    def start(self):
        self.mode = "nowhere"
        self.next({"a": self.a, "b": self.b}, condition="mode")

    @step
    def a(self):
        self.next(self.end)

    @step
    def b(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SwitchUnknownCaseFlow()
