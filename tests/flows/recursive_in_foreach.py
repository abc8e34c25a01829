"""Each item goes round as often as it says."""

from metaflow import FlowSpec, step


class RecursiveInForeachFlow(FlowSpec):
    @step
    def start(self):
        self.items = [1, 3, 2]
        self.next(self.init, foreach="items")

    @step
    def init(self):
        self.n = 0
        self.next(self.loop)

    @step
    def loop(self):
        self.n += 1
        self.again = "more" if self.n < self.input else "done"
        self.next({"more": self.loop, "done": self.leave}, condition="again")

    @step
    def leave(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.ns = [i.n for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    RecursiveInForeachFlow()
