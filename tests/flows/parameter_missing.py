"""A required parameter nobody gives: the run does not begin."""

from metaflow import FlowSpec, Parameter, step


class ParameterMissingFlow(FlowSpec):
    must = Parameter("must", required=True)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ParameterMissingFlow()
