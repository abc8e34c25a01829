from metaflow import FlowSpec, Parameter, schedule, step


@schedule(cron="0 0 1 1 *")
class UpgradedFlow(FlowSpec):
    count = Parameter("count", default=3)

    @step
    def start(self):
        self.numbers = list(range(self.count))
        self.next(self.square, foreach="numbers")

    @step
    def square(self):
        self.squared = self.input**2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(it.squared for it in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    UpgradedFlow()
