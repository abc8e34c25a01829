"""A branch splits again and joins before the outer join."""

from metaflow import FlowSpec, step


class NestedSplitFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.a, self.b)

    @step
    def a(self):
        self.next(self.a1, self.a2)

    @step
    def a1(self):
        self.x = 1
        self.next(self.a_join)

    @step
    def a2(self):
        self.x = 2
        self.next(self.a_join)

    @step
    def a_join(self, inputs):
        self.x = inputs.a1.x * 10 + inputs.a2.x
        self.next(self.join)

    @step
    def b(self):
        self.x = 3
        self.next(self.join)

    @step
    def join(self, inputs):
        self.x = inputs.a_join.x * 10 + inputs.b.x
        self.next(self.end)

    @step
    def end(self):
        print(self.x)


if __name__ == "__main__":
    NestedSplitFlow()
