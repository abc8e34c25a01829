"""Several steps per item before the join."""

from metaflow import FlowSpec, step


class ForeachMultiStepFlow(FlowSpec):
    @step
    def start(self):
        self.items = ["a", "b", "c"]
        self.next(self.first, foreach="items")

    @step
    def first(self):
        self.word = self.input
        self.next(self.second)

    @step
    def second(self):
        self.word = self.word + str(self.index)
        self.next(self.third)

    @step
    def third(self):
        self.word = self.word + "!" + self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.words = [i.word for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        print(self.words)


if __name__ == "__main__":
    ForeachMultiStepFlow()
