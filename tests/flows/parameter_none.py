"""A parameter without a value is None."""

from metaflow import FlowSpec, Parameter, step


class ParameterNoneFlow(FlowSpec):
    nothing = Parameter("nothing", type=int)
    also = Parameter("also", default=None)

    @step
    def start(self):
        self.is_none = [self.nothing is None, self.also is None]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ParameterNoneFlow()
