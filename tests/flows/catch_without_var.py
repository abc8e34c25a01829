"""The failure is forgotten; what the step set before it is kept."""

from metaflow import FlowSpec, catch, step


class CatchWithoutVarFlow(FlowSpec):
    @catch(print_exception=False)
    @step
    def start(self):
        self.before = 1
        raise ValueError("forgotten")
        self.next(self.end)

    @step
    def end(self):
        self.kept = getattr(self, "before", "nothing")


if __name__ == "__main__":
    CatchWithoutVarFlow()
