"""A foreach join that merges what all share and chooses among what differs."""

from metaflow import FlowSpec, step


class ForeachMergeFlow(FlowSpec):
    @step
    def start(self):
        self.shared = "same"
        self.items = [3, 1, 2]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.score = self.input * 10
        self.private = self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.best = max(i.score for i in inputs)
        self.merge_artifacts(inputs, exclude=["score", "private"])
        self.next(self.end)

    @step
    def end(self):
        print(self.shared, self.best, hasattr(self, "private"))


if __name__ == "__main__":
    ForeachMergeFlow()
