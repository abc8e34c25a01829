"""Three steps one after another; each adds to what the one before left."""

from metaflow import FlowSpec, step


class LinearFlow(FlowSpec):
    @step
    def start(self):
        self.count = 1
        self.next(self.middle)

    @step
    def middle(self):
        self.count += 1
        self.next(self.end)

    @step
    def end(self):
        self.count += 1
        print("count is", self.count)


if __name__ == "__main__":
    LinearFlow()
