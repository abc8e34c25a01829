"""Every shape that a graph can have, once."""

from metaflow import FlowSpec, step


class ShapesFlow(FlowSpec):
    """A split; in one of its arms a switch, in one arm of that a foreach."""

    @step
    def start(self):
        self.next(self.left, self.choose)

    @step
    def left(self):
        self.next(self.both)

    @step
    def choose(self):
        self.way = "wide"
        self.next({"wide": self.fan, "narrow": self.single}, condition="way")

    @step
    def fan(self):
        self.numbers = [1, 2]
        self.next(self.work, foreach="numbers")

    @step
    def work(self):
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.many = len(list(inputs))
        self.next(self.meet)

    @step
    def single(self):
        self.next(self.meet)

    @step
    def meet(self):
        self.next(self.both)

    @step
    def both(self, inputs):
        self.many = len(list(inputs))
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ShapesFlow()
