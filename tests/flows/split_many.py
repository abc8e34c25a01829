"""Six branches and one join."""

from metaflow import FlowSpec, step


class SplitManyFlow(FlowSpec):
    @step
    def start(self):
        self.x = 1
        self.next(self.a, self.b, self.c, self.d, self.e)

    @step
    def a(self):
        self.next(self.join)

    @step
    def b(self):
        self.next(self.join)

    @step
    def c(self):
        self.next(self.join)

    @step
    def d(self):
        self.next(self.join)

    @step
    def e(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.x = sum(i.x for i in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SplitManyFlow()
