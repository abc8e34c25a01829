from metaflow import FlowSpec, Parameter, step


class BenchForeach(FlowSpec):
    width = Parameter("width", default=20)

    @step
    def start(self):
        self.items = list(range(self.width))
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.square = self.input**2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(one.square for one in inputs)
        self.next(self.end)

    @step
    def end(self):
        assert self.total == sum(n * n for n in range(self.width))


if __name__ == "__main__":
    BenchForeach()
