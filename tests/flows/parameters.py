"""Defaults of every type of parameter."""

from metaflow import FlowSpec, JSONType, Parameter, step


class ParametersFlow(FlowSpec):
    text = Parameter("text", help="Words", default="hello world")
    count = Parameter("count", default=3)
    rate = Parameter("rate", type=float, default=0.5)
    is_on = Parameter("is-on", default=True)
    data = Parameter("data", type=JSONType, default='{"a": [1, 2, null]}')
    nothing = Parameter("nothing", default=None)
    listed = Parameter("listed", default="a,b,c", separator=",")

    @step
    def start(self):
        self.seen = repr((self.text, self.count, self.rate, self.is_on, self.data, self.nothing))
        self.next(self.end)

    @step
    def end(self):
        print(self.seen, self.listed)


if __name__ == "__main__":
    ParametersFlow()
