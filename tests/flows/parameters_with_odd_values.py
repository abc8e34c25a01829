"""Defaults with line ends, braces, quotes and numbers that other languages have not."""

from metaflow import FlowSpec, JSONType, Parameter, step


class ParametersWithOddValuesFlow(FlowSpec):
    """Has a line separator\u2028here."""

    lines = Parameter("lines", default="a\nb\r\x0b\x85c\u2028\td", help="'{{ x }} %s")
    braces = Parameter("braces", default="${{ x }} {{ y }} {% z %} \\ '''\"\"\"")
    huge = Parameter("huge", default=10**20)
    least = Parameter("least", default=-0.0)
    data = Parameter("data", default={"deep": [None, {"x": "\u2029"}]}, type=JSONType)

    @step
    def start(self):
        self.seen = self.lines, self.braces, self.huge, self.least, self.data
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ParametersWithOddValuesFlow()
