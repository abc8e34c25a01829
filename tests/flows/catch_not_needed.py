"""The step succeeds: the artifact that would hold the failure is None."""

from metaflow import FlowSpec, catch, step


class CatchNotNeededFlow(FlowSpec):
    @catch(var="failure")
    @step
    def start(self):
        self.x = 1
        self.next(self.end)

    @step
    def end(self):
        print(self.failure)


if __name__ == "__main__":
    CatchNotNeededFlow()
