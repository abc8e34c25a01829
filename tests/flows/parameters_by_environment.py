"""Values from variables of the environment; of two for one parameter what is typed wins."""

from metaflow import FlowSpec, JSONType, Parameter, step


class ParametersByEnvironmentFlow(FlowSpec):
    text = Parameter("text", default="unset")
    my_count = Parameter("my-count", default=1)
    data = Parameter("data", type=JSONType, default={"given": False})
    word = Parameter("word", type=JSONType, default='"by default"')
    listed = Parameter("listed", default="a,b", separator=",")
    needed = Parameter("needed", required=True)

    @step
    def start(self):
        self.seen = repr((self.text, self.my_count, self.data, self.word, self.listed, self.needed))
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ParametersByEnvironmentFlow()
