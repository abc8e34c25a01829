"""One branch goes round while the other waits in the join."""

from metaflow import FlowSpec, step


class RecursiveInSplitFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.loop, self.other)

    @step
    def loop(self):
        self.n = getattr(self, "n", 0) + 1
        self.again = "yes" if self.n < 3 else "no"
        self.next({"yes": self.loop, "no": self.leave}, condition="again")

    @step
    def leave(self):
        self.next(self.join)

    @step
    def other(self):
        self.n = 100
        self.next(self.join)

    @step
    def join(self, inputs):
        self.n = inputs.leave.n + inputs.other.n
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    RecursiveInSplitFlow()
