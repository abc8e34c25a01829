import time

from metaflow import FlowSpec, Parameter, step


class WideFlow(FlowSpec):
    """A foreach of any width, whose tasks do nothing, or wait."""

    tasks = Parameter("tasks", type=int)
    seconds = Parameter("seconds", type=float, default=0.0)

    @step
    def start(self):
        self.items = list(range(self.tasks))
        self.next(self.work, foreach="items")

    @step
    def work(self):
        time.sleep(self.seconds)
        self.square = self.input**2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(one.square for one in inputs)
        self.next(self.end)

    @step
    def end(self):
        assert self.total == sum(item**2 for item in range(self.tasks))


if __name__ == "__main__":
    WideFlow()
