from metaflow import FlowSpec, IncludeFile, JSONType, Parameter, step, trigger
from metaflow._vendor import click


@trigger(event="every.type")
class TypedFlow(FlowSpec):
    text = Parameter("text", default="007")
    count = Parameter("my-count", default=1)
    rate = Parameter("rate", default=0.5)
    is_on = Parameter("is-on", default=True)
    day = Parameter("day", default="2026-11-27")
    kind = Parameter("kind", type=click.Choice(["a", "b"]), default="a")
    data = Parameter("data", type=JSONType, default='{"a": [null, 1]}')
    word = Parameter("word", type=JSONType, default='"by default"')
    words = Parameter("words", separator=",", default="x,y")
    nothing = Parameter("nothing")
    file = IncludeFile("file", default="typed_flow.txt")

    @step
    def start(self):
        self.seen = [
            self.text,
            self.count,
            self.rate,
            self.is_on,
            self.day,
            self.kind,
            self.data,
            self.word,
            self.words,
            self.nothing,
            self.file,
        ]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TypedFlow()
