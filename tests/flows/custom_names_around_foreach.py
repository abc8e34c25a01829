"""A flow with its own names for start and end fans out from its first step."""

from metaflow import FlowSpec, step


class CustomNamesAroundForeachFlow(FlowSpec):
    @step(start=True)
    def fan(self):
        self.items = [3, 1, 2]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.doubled = self.input * 2
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.all = [i.doubled for i in inputs]
        self.next(self.done)

    @step(end=True)
    def done(self):
        self.total = sum(self.all)


if __name__ == "__main__":
    CustomNamesAroundForeachFlow()
