"""A step that goes to itself until it is done."""

from metaflow import FlowSpec, step


class RecursiveSwitchFlow(FlowSpec):
    @step
    def start(self):
        self.n = 0
        self.next(self.loop)

    @step
    def loop(self):
        self.n += 1
        self.again = "more" if self.n < 4 else "done"
        self.next({"more": self.loop, "done": self.end}, condition="again")

    @step
    def end(self):
        print("went round", self.n, "times")


if __name__ == "__main__":
    RecursiveSwitchFlow()
