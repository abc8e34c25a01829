"""The first and the last step have names of their own."""

from metaflow import FlowSpec, step


class CustomStartEndFlow(FlowSpec):
    @step(start=True)
    def begin(self):
        self.trail = ["begin"]
        self.next(self.finish)

    @step(end=True)
    def finish(self):
        self.trail = self.trail + ["finish"]


if __name__ == "__main__":
    CustomStartEndFlow()
