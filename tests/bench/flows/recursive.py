from metaflow import FlowSpec, Parameter, step


class BenchRecursive(FlowSpec):
    turns = Parameter("turns", default=2000)

    @step
    def start(self):
        self.n = 0
        self.next(self.loop)

    @step
    def loop(self):
        self.n += 1
        self.more = "yes" if self.n < self.turns else "no"
        self.next({"yes": self.loop, "no": self.end}, condition="more")

    @step
    def end(self):
        assert self.n == self.turns


if __name__ == "__main__":
    BenchRecursive()
