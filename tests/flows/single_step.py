"""One step is both the first and the last."""

from metaflow import FlowSpec, step


class SingleStepFlow(FlowSpec):
    @step
    def only(self):
        self.answer = 42
        print("the answer is", self.answer)


if __name__ == "__main__":
    SingleStepFlow()
