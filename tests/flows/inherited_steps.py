"""Steps and a parameter that come from a base class."""

from metaflow import FlowSpec, Parameter, step


class Base(FlowSpec):
    word = Parameter("word", default="inherited")

    @step
    def start(self):
        self.seen = self.word
        self.next(self.middle)

    @step
    def end(self):
        print(self.seen)


class InheritedStepsFlow(Base):
    @step
    def middle(self):
        self.seen += "!"
        self.next(self.end)


if __name__ == "__main__":
    InheritedStepsFlow()
