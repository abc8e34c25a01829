"""The join merges what the branches disagree on, and fails."""

from metaflow import FlowSpec, step


class MergeArtifactsConflictFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.left, self.right)

    @step
    def left(self):
        self.x = 1
        self.next(self.join)

    @step
    def right(self):
        self.x = 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    MergeArtifactsConflictFlow()
