"""The join merges what the branches agree on."""

from metaflow import FlowSpec, step


class MergeArtifactsFlow(FlowSpec):
    @step
    def start(self):
        self.shared = {"a": 1}
        self.changed = 0
        self.next(self.left, self.right)

    @step
    def left(self):
        self.only_left = 1
        self.changed = 1
        self.next(self.join)

    @step
    def right(self):
        self.only_right = 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.changed = inputs.left.changed
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        print(self.shared, self.only_left, self.only_right, self.changed)


if __name__ == "__main__":
    MergeArtifactsFlow()
