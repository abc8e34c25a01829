from metaflow import FlowSpec, Parameter, step


class BenchBusy(FlowSpec):
    width = Parameter("width", default=8)

    @step
    def start(self):
        self.items = list(range(self.width))
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.sum = sum(number * number for number in range(15_000_000))
        self.next(self.join)

    @step
    def join(self, inputs):
        self.sums = [one.sum for one in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    BenchBusy()
