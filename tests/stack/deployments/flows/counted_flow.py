from metaflow import FlowSpec, Parameter, step


class CountedFlow(FlowSpec):
    number = Parameter("number", type=int, default=1)

    @step
    def start(self):
        self.numbers = list(range(self.number))
        self.next(self.square, foreach="numbers")

    @step
    def square(self):
        self.squared = self.input**2
        print("squared", self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(item.squared for item in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    CountedFlow()
