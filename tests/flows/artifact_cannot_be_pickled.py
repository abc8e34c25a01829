"""An artifact that cannot be stored fails its step, after the step's code has run."""

from metaflow import FlowSpec, step


class ArtifactCannotBePickledFlow(FlowSpec):
    @step
    def start(self):
        self.good = 1
        self.bad = (n for n in range(3))
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ArtifactCannotBePickledFlow()
