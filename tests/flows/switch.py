"""One of two arms runs."""

from metaflow import FlowSpec, step


class SwitchFlow(FlowSpec):
    @step
    def start(self):
        self.mode = "fast"
        self.next({"fast": self.fast, "slow": self.slow}, condition="mode")

    @step
    def fast(self):
        self.took = "fast"
        self.next(self.end)

    @step
    def slow(self):
        self.took = "slow"
        self.next(self.end)

    @step
    def end(self):
        print("took", self.took)


if __name__ == "__main__":
    SwitchFlow()
