"""A step that writes to a parameter fails."""

from metaflow import FlowSpec, Parameter, step


class ParameterReadOnlyFlow(FlowSpec):
    alpha = Parameter("alpha", default=1)

    @step
    def start(self):
        self.alpha = 2
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ParameterReadOnlyFlow()
