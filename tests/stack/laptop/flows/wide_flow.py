"""As many tasks in containers as it is told."""

from metaflow import FlowSpec, Parameter, northflank, step


class WideFlow(FlowSpec):
    tasks = Parameter("tasks", type=int)

    @step
    def start(self):
        self.items = list(range(self.tasks))
        self.next(self.work, foreach="items")

    @northflank(cpu=0.1, memory=256)
    @step
    def work(self):
        self.square = self.input**2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(it.square for it in inputs)
        self.next(self.end)

    @step
    def end(self):
        print(self.total)


if __name__ == "__main__":
    WideFlow()
