"""Branches of different length: the short one waits in the join only."""

from metaflow import FlowSpec, step


class SplitUnevenFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.long, self.short)

    @step
    def long(self):
        self.trail = ["long"]
        self.next(self.longer)

    @step
    def longer(self):
        self.trail += ["longer"]
        self.next(self.join)

    @step
    def short(self):
        self.trail = ["short"]
        self.next(self.join)

    @step
    def join(self, inputs):
        self.trail = inputs.longer.trail + inputs.short.trail
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SplitUnevenFlow()
