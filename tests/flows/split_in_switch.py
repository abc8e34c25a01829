"""An arm that splits and joins."""

from metaflow import FlowSpec, step


class SplitInSwitchFlow(FlowSpec):
    @step
    def start(self):
        self.go = 1
        self.next({1: self.parted, 2: self.plain}, condition="go")

    @step
    def parted(self):
        self.next(self.a, self.b)

    @step
    def a(self):
        self.x = 1
        self.next(self.join)

    @step
    def b(self):
        self.x = 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.x = inputs.a.x + inputs.b.x
        self.next(self.end)

    @step
    def plain(self):
        self.x = 0
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SplitInSwitchFlow()
