"""The arms of a switch in one branch lead straight into the join of the split."""

from metaflow import FlowSpec, step


class SwitchBeforeJoinFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.choose, self.other)

    @step
    def choose(self):
        self.c = "p"
        self.next({"p": self.p, "q": self.q}, condition="c")

    @step
    def p(self):
        self.x = "p"
        self.next(self.join)

    @step
    def q(self):
        self.x = "q"
        self.next(self.join)

    @step
    def other(self):
        self.x = "other"
        self.next(self.join)

    @step
    def join(self, inputs):
        self.xs = sorted(i.x for i in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SwitchBeforeJoinFlow()
