"""One item of a foreach fails and is caught."""

from metaflow import FlowSpec, catch, step


class CatchFlow(FlowSpec):
    @step
    def start(self):
        self.items = [1, 0, 2]
        self.next(self.divide, foreach="items")

    @catch(var="failure")
    @step
    def divide(self):
        self.n = self.input
        self.quotient = 10 // self.n
        self.next(self.join)

    @step
    def join(self, inputs):
        self.failed = [i.n for i in inputs if i.failure]
        self.next(self.end)

    @step
    def end(self):
        print("failed", self.failed)


if __name__ == "__main__":
    CatchFlow()
