"""A default that a function gives when the run begins."""

from metaflow import FlowSpec, Parameter, step


def host(context):
    return "%s-%d" % (context.flow_name.lower(), 40 + 2)


class ParameterDefaultFunctionFlow(FlowSpec):
    label = Parameter("label", default=host)

    @step
    def start(self):
        self.seen = self.label
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ParameterDefaultFunctionFlow()
