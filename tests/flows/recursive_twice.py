"""Two loops one after another."""

from metaflow import FlowSpec, step


class RecursiveTwiceFlow(FlowSpec):
    @step
    def start(self):
        self.n = self.m = 0
        self.next(self.first)

    @step
    def first(self):
        self.n += 1
        self.go = str(self.n < 3)
        self.next({"True": self.first, "False": self.second}, condition="go")

    @step
    def second(self):
        self.m += 1
        self.go = str(self.m < 2)
        self.next({"True": self.second, "False": self.end}, condition="go")

    @step
    def end(self):
        pass


if __name__ == "__main__":
    RecursiveTwiceFlow()
