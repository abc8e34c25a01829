"""A branch fails and is caught; the join sees both branches."""

from metaflow import FlowSpec, catch, step


class CatchInSplitFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.good, self.bad)

    @step
    def good(self):
        self.x = 1
        self.next(self.join)

    @catch(var="failure")
    @step
    def bad(self):
        self.x = 1 / 0
        self.next(self.join)

    @step
    def join(self, inputs):
        self.caught = str(inputs.bad.failure.type)
        self.x = inputs.good.x
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    CatchInSplitFlow()
