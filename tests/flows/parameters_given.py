"""Values given on the command line, one of each type."""

from metaflow import FlowSpec, JSONType, Parameter, step


class ParametersGivenFlow(FlowSpec):
    text = Parameter("text", default="unset")
    count = Parameter("count", type=int)
    rate = Parameter("rate", default=0.5)
    is_on = Parameter("is-on", default=True)
    data = Parameter("data", type=JSONType, default={"given": False})
    listed = Parameter("listed", default="a|b", separator="|")

    @step
    def start(self):
        self.seen = repr((self.text, self.count, self.rate, self.is_on, self.data, self.listed))
        print(self.seen)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ParametersGivenFlow()
