"""Class attributes are artifacts of every step, and cannot be changed."""

from metaflow import FlowSpec, step


class ClassConstantsFlow(FlowSpec):
    rates = (0.1, 0.2)
    names = {"a": ["b"]}

    @step
    def start(self):
        self.total = sum(self.rates)
        self.next(self.end)

    @step
    def end(self):
        print(self.names, self.total)


if __name__ == "__main__":
    ClassConstantsFlow()
