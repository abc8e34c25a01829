"""A loop of twelve turns that carries a list along."""

from metaflow import FlowSpec, step


class RecursiveManyTimesFlow(FlowSpec):
    @step
    def start(self):
        self.seen = []
        self.next(self.loop)

    @step
    def loop(self):
        self.seen = self.seen + [len(self.seen)]
        self.again = "yes" if len(self.seen) < 12 else "no"
        self.next({"yes": self.loop, "no": self.end}, condition="again")

    @step
    def end(self):
        pass


if __name__ == "__main__":
    RecursiveManyTimesFlow()
