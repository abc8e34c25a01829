from metaflow import FlowSpec, Parameter, step


class BenchRecursiveInForeach(FlowSpec):
    turns = Parameter("turns", default=500)

    @step
    def start(self):
        self.items = [1, 2, 3, 4]
        self.next(self.begin, foreach="items")

    @step
    def begin(self):
        self.n = 0
        self.next(self.loop)

    @step
    def loop(self):
        self.n += 1
        self.more = "yes" if self.n < self.turns * self.input else "no"
        self.next({"yes": self.loop, "no": self.leave}, condition="more")

    @step
    def leave(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.turned = [one.n for one in inputs]
        self.next(self.end)

    @step
    def end(self):
        assert self.turned == [self.turns * item for item in (1, 2, 3, 4)]


if __name__ == "__main__":
    BenchRecursiveInForeach()
